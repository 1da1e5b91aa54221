import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMAND, encodeRequest, FLAG, HEADER_SIZE } from '../src/wire.ts';
import { SessionHarness } from './session-harness.ts';

/** Mostly small numbers, which get far into a handler, and now and then any. */
const u32 = fc.oneof({ weight: 4, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.constantFrom(4096, 0x10000, 2 ** 20, 0xffffffff) }, fc.nat(0xffffffff));
const words = fc.array(u32, { maxLength: 14 }).map((list) => new Uint8Array(Uint32Array.from(list).buffer));
const payload = fc.oneof({ weight: 3, arbitrary: words }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }) });
const flags = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constantFrom(FLAG.NO_REPLY, 1, 2, FLAG.ERROR, 0xffffffff));
const message = fc.record({
  command: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 2, max: 15 }) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
  payload,
  flags,
  good: fc.nat(3),
  bad: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(20)),
});

describe('whatever a client sends', () => {
  test('each command is answered exactly once unless posted, and no descriptor is lost or closed twice', () => {
    fc.assert(fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
      const harness = new SessionHarness().negotiate();
      let badFd = 5000;
      for (const each of messages) {
        if (harness.session.broken !== undefined) break;
        const before = harness.replies.length;
        const fds = [...harness.fds(each.good), ...harness.fds(each.bad, badFd)];
        badFd += each.bad;
        harness.feed(encodeRequest(1, each.command, each.payload, each.flags), fds);
        const isCommand = (each.flags & 0xf) === 0;
        const expected = isCommand && (each.flags & FLAG.NO_REPLY) === 0 ? 1 : 0;
        expect(harness.replies.length - before).toBe(expected);
        const reply = harness.replies[before];
        if (reply !== undefined && (reply.flags & FLAG.ERROR) !== 0) expect(reply.size).toBe(HEADER_SIZE);
      }
      harness.session.end();
      expect([...harness.open]).toEqual([]);
      expect(harness.closedWrongly).toEqual([]);
      expect(harness.device.mappings).toEqual([]);
      expect(harness.attachedMemories).toBe(0);
      expect(harness.device.armed.size).toBe(0);
    }), { numRuns: 400 });
  });

  test('byte soup in any pieces never throws, answers or keeps descriptors before VERSION', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(4))), (chunks) => {
      const harness = new SessionHarness();
      for (const [bytes, fds] of chunks) harness.feed(bytes, harness.fds(fds));
      harness.session.end();
      expect([...harness.open]).toEqual([]);
      expect(harness.closedWrongly).toEqual([]);
      expect(harness.device.log).toEqual([]);
      expect(harness.replies.length).toBeLessThanOrEqual(1);
    }));
  });

  test('pieces make no difference', () => {
    fc.assert(fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (messages, cuts) => {
      const whole = new SessionHarness().negotiate();
      const pieces = new SessionHarness().negotiate();
      const stream = new Uint8Array(Buffer.concat(messages.map((each, id) => encodeRequest(id, each.command, each.payload, each.flags))));
      whole.feed(stream.slice());
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const length = cuts[turn % cuts.length] ?? 1;
        pieces.feed(stream.slice(at, at + length));
        at += length;
      }
      expect(pieces.replies).toEqual(whole.replies);
      expect(pieces.device.log).toEqual(whole.device.log);
      expect(pieces.session.broken).toEqual(whole.session.broken);
    }));
  });

  test('a VERSION in the middle ends the session', () => {
    const harness = new SessionHarness().negotiate();
    harness.feed(encodeRequest(1, COMMAND.VERSION, new Uint8Array(4)));
    expect(harness.session.broken).toBeDefined();
  });
});
