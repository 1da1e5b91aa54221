import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Framer } from '../src/framing.ts';
import { COMMAND, encodeRequest } from '../src/wire.ts';

const LIMITS = { maxMessage: 4096, maxFds: 16 };

interface Seen {
  readonly id: number;
  readonly payload: string;
  readonly fds: number[];
  readonly fdsLost: boolean;
}

class Stream {
  readonly discarded: number[] = [];
  readonly seen: Seen[] = [];
  readonly framer = new Framer(LIMITS, (fd) => this.discarded.push(fd));
  broken = false;

  push(bytes: Uint8Array, fds: number[] = [], lost = false): void {
    this.framer.push(bytes, fds, lost);
    for (let next = this.framer.next(); next !== undefined; next = this.framer.next()) {
      if (next === 'broken') {
        this.broken = true;
        return;
      }
      this.seen.push({ id: next.header.id, payload: Buffer.from(next.payload).toString('hex'), fds: next.fds, fdsLost: next.fdsLost });
    }
  }
}

const request = (id: number, payload = new Uint8Array(0)) => encodeRequest(id, COMMAND.DMA_MAP, payload);
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

describe('descriptors belong to the message with the last byte of the read', () => {
  test('four unmaps merged in front of a map: the map gets the descriptor', () => {
    const stream = new Stream();
    stream.push(join(request(1), request(2), request(3), request(4), request(5)), [42]);
    expect(stream.seen.map(({ id, fds }) => [id, fds])).toEqual([[1, []], [2, []], [3, []], [4, []], [5, [42]]]);
  });

  test('the first part of a long message brings them, the end does not', () => {
    const stream = new Stream();
    const long = request(2, new Uint8Array(1000).fill(7));
    stream.push(join(request(1), long.subarray(0, 20)), [42]);
    stream.push(long.subarray(20, 500));
    stream.push(join(long.subarray(500), request(3)));
    expect(stream.seen.map(({ id, fds }) => [id, fds])).toEqual([[1, []], [2, [42]], [3, []]]);
  });

  test('even with less than a header of the message here', () => {
    const stream = new Stream();
    stream.push(join(request(1), request(2).subarray(0, 3)), [42]);
    stream.push(request(2).subarray(3), [43]);
    expect(stream.seen.map(({ id, fds }) => [id, fds])).toEqual([[1, []], [2, [42, 43]]]);
  });
});

describe('framing', () => {
  const part = fc.record({ payload: fc.uint8Array({ maxLength: 60 }), fds: fc.nat(3) });

  test('messages come out as they went in, however the stream is cut', () => {
    fc.assert(fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (parts, cuts) => {
      const stream = new Stream();
      let fd = 0;
      const sent = parts.map(({ payload, fds }, id) => ({ id, payload, fds: Array.from({ length: fds }, () => fd++) }));
      const expected = sent.map(({ id, payload, fds }) => ({ id, payload: Buffer.from(payload).toString('hex'), fds, fdsLost: false }));
      // As the kernel gives it: a read never goes on past the bytes that descriptors came with.
      let waiting: Uint8Array = new Uint8Array(0);
      let turn = 0;
      const read = (bytes: Uint8Array) => {
        for (let at = 0, length = 0; at < bytes.length; at += length) {
          length = cuts[turn++ % cuts.length] ?? 1;
          stream.push(bytes.slice(at, at + length));
        }
      };
      for (const { id, payload, fds } of sent) {
        const message = request(id, payload);
        if (fds.length === 0) {
          waiting = join(waiting, message);
          continue;
        }
        // The descriptors' bytes end somewhere in their message; what waited may be merged in front of them.
        const merged = (cuts[turn++ % cuts.length] ?? 1) % 2 === 0;
        if (!merged) read(waiting);
        const first = 1 + ((cuts[turn++ % cuts.length] ?? 1) % message.length);
        stream.push(join(merged ? waiting : new Uint8Array(0), message.subarray(0, first)), fds);
        read(message.subarray(first));
        waiting = new Uint8Array(0);
      }
      read(waiting);
      expect(stream.seen).toEqual(expected);
      expect(stream.discarded).toEqual([]);
      expect(stream.framer.midMessage).toBe(false);
    }));
  });

  test('any byte soup is survived, and every descriptor is delivered or discarded', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(20))), (chunks) => {
      const stream = new Stream();
      let fd = 0;
      for (const [bytes, count] of chunks) {
        if (stream.broken) break;
        stream.push(bytes, Array.from({ length: count }, () => fd++));
      }
      stream.framer.drop();
      const delivered = stream.seen.flatMap(({ fds }) => fds);
      expect([...delivered, ...stream.discarded].sort((a, b) => a - b)).toEqual(Array.from({ length: fd }, (_, index) => index));
    }));
  });

  test.each([0, 15, 4097, 0xffffffff])('a size of %d is impossible and ends the stream', (size) => {
    const stream = new Stream();
    const bytes = request(1);
    new DataView(bytes.buffer).setUint32(4, size, true);
    stream.push(bytes.subarray(0, 7));
    stream.push(bytes.subarray(7));
    expect(stream).toMatchObject({ broken: true, seen: [] });
  });

  test('a message of exactly the limit passes', () => {
    const stream = new Stream();
    stream.push(request(1, new Uint8Array(4096 - 16)));
    expect(stream).toMatchObject({ broken: false, seen: [{ id: 1 }] });
  });

  test('descriptors above the limit are discarded, also when they come byte by byte with one message', () => {
    const stream = new Stream();
    const bytes = request(1);
    bytes.forEach((_, index) => stream.push(bytes.slice(index, index + 1), [index * 2, index * 2 + 1]));
    expect(stream.seen).toMatchObject([{ fds: Array.from({ length: 16 }, (_, index) => index), fdsLost: true }]);
    expect(stream.discarded).toHaveLength(16);
    stream.push(request(2), [99]);
    expect(stream.seen[1]).toMatchObject({ fds: [99], fdsLost: false });
  });

  test('dropping a half message closes what it brought', () => {
    const stream = new Stream();
    stream.push(request(1).subarray(0, 10), [5, 6]);
    expect(stream.framer.midMessage).toBe(true);
    stream.framer.drop();
    expect(stream.discarded).toEqual([5, 6]);
    expect(stream.framer.midMessage).toBe(false);
  });
});
