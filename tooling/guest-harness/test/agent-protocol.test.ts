import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AgentDecoder, type AgentMessage, encodeRequest } from '../src/guest/agent-protocol.ts';

const status = fc.record({
  type: fc.constant('reply' as const),
  id: fc.nat(),
  status: fc.integer({ min: 0, max: 255 }),
  timedOut: fc.boolean(),
  stdout: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  stderr: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
});

function encode(message: Extract<AgentMessage, { type: 'reply' }>): Buffer {
  const head = [message.id, message.status, Number(message.timedOut), message.stdout.length, message.stderr.length].join(' ');
  return Buffer.concat([Buffer.from(`${head}\n`), message.stdout, message.stderr]);
}

describe('AgentDecoder', () => {
  test('messages come out whole however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(status, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 60 }), (replies, cuts) => {
        const stream = Buffer.concat([Buffer.from('ready 7.3.4+deb13-amd64\n'), ...replies.map(encode)]);
        const decoder = new AgentDecoder();
        const messages: AgentMessage[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          messages.push(...decoder.push(stream.subarray(at, at + cut)));
          at += cut;
        }
        expect(messages).toEqual([{ type: 'ready', release: '7.3.4+deb13-amd64' }, ...replies]);
      }),
    );
  });

  test('a large reply in small chunks is not copied once per chunk', () => {
    const decoder = new AgentDecoder();
    const body = Buffer.alloc(8 << 20, 1);
    const started = performance.now();
    decoder.push(Buffer.from(`1 0 0 ${body.length} 0\n`));
    let done: AgentMessage[] = [];
    for (let at = 0; at < body.length; at += 1024) done = decoder.push(body.subarray(at, at + 1024));
    expect(done).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(3_000); // quadratic copying takes minutes
  });

  test('a line that is no header is an error', () => {
    expect(() => new AgentDecoder().push(Buffer.from('sh: not found\n'))).toThrow('the agent sent "sh: not found"');
    expect(() => new AgentDecoder().push(Buffer.alloc(300, 0x61))).toThrow('no header');
  });
});

describe('encodeRequest', () => {
  const base = { id: 3, limit: 60, data: Buffer.from('a\nb') } as const;

  test('a header line, then the bytes as they are', () => {
    expect(encodeRequest({ ...base, verb: 'run' }).toString()).toBe('3 run 3 60 /\na\nb');
    expect(encodeRequest({ ...base, verb: 'put', path: '/tmp/a b' }).toString()).toBe('3 put 3 60 /tmp/a b\na\nb');
  });

  test.each(['relative', '/a\nb', '/a ', '/a\0'])('%j is no path for the guest', (path) => {
    expect(() => encodeRequest({ ...base, verb: 'put', path })).toThrow('not a path for the guest');
  });
});
