import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { capabilitiesOf, DEFAULT_LIMITS } from '../src/limits.ts';
import { answerVersion, decodeVersion, encodeVersion } from '../src/version.ts';

const own = capabilitiesOf(DEFAULT_LIMITS);
const raw = (json: string) => new Uint8Array(Buffer.concat([Buffer.from([0, 0, 0, 0]), Buffer.from(json, 'latin1')]));

describe('decodeVersion', () => {
  test('what a VMM proposes', () => {
    const json = '{"capabilities":{"pgsizes":4096,"max_msg_fds":16,"migration":{"pgsize":4096},"write_multiple":true}}\0';
    expect(decodeVersion(raw(json))).toMatchObject({ ok: true, value: { major: 0, minor: 0, capabilities: { max_msg_fds: 16, write_multiple: true } } });
  });

  test.each([['', 'no JSON'], ['{}\0', 'an empty object']])('%j is fine: %s', (json) => {
    expect(decodeVersion(raw(json))).toEqual({ ok: true, value: { major: 0, minor: 0, capabilities: {} } });
  });

  test.each([
    ['{}', 'no NUL'],
    ['{}\0\0', 'more than one NUL'],
    ['{}\0{}\0', 'a NUL inside'],
    ['\0', 'nothing before the NUL'],
    ['{\0', 'no JSON'],
    ['\xff\xfe\0', 'no UTF-8'],
    ['[]\0', 'no object'],
    ['{"capabilities":7}\0', 'capabilities are no object'],
    ['{"capabilities":{"max_msg_fds":"16"}}\0', 'a string for a number'],
    ['{"capabilities":{"max_msg_fds":-1}}\0', 'a negative number'],
    ['{"capabilities":{"max_msg_fds":1.5}}\0', 'a fraction'],
    ['{"capabilities":{"max_data_xfer_size":1e400}}\0', 'an infinite number'],
    ['{"capabilities":{"write_multiple":1}}\0', 'a number for a boolean'],
    [`${'['.repeat(4000)}\0`, 'deep and cut'],
    [`{"capabilities":{"x":"${'y'.repeat(5000)}"}}\0`, 'above 4 KiB'],
  ])('%j is refused: %s', (json) => {
    expect(decodeVersion(raw(json))).toMatchObject({ ok: false, errno: 'EINVAL' });
  });

  test('any bytes are survived', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => typeof decodeVersion(bytes).ok === 'boolean'));
    fc.assert(fc.property(fc.json(), (json) => typeof decodeVersion(raw(`${json}\0`)).ok === 'boolean'));
  });

  test('what is encoded is decoded', () => {
    const proposal = { major: 0, minor: 1, capabilities: { max_msg_fds: 3, extra: [1, { a: 'ä' }] } };
    expect(decodeVersion(encodeVersion(proposal))).toEqual({ ok: true, value: proposal });
  });
});

describe('answerVersion', () => {
  const answer = (proposal: object) => answerVersion({ major: 0, minor: 0, capabilities: {}, ...proposal }, own);

  test('the answer fits the 214 bytes QEMU has for it', () => {
    const reply = answer({ capabilities: { write_multiple: true } });
    expect(reply.ok && encodeVersion(reply.value).length + 16).toBeLessThanOrEqual(214);
  });

  test.each([[0, 0], [1, 1], [7, 1]])('minor %d is answered with %d', (minor, expected) => {
    expect(answer({ minor })).toMatchObject({ ok: true, value: { minor: expected } });
  });

  test('another major is refused', () => {
    expect(answer({ major: 1 })).toMatchObject({ ok: false, errno: 'EINVAL' });
  });

  test('write_multiple is agreed on only if the client offers it', () => {
    expect(answer({ capabilities: { write_multiple: true } })).toMatchObject({ value: { capabilities: { write_multiple: true } } });
    for (const capabilities of [{}, { write_multiple: false }]) {
      const reply = answer({ capabilities });
      expect(reply.ok && reply.value.capabilities).not.toHaveProperty('write_multiple');
    }
  });
});
