import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { readBytes, runToCompletion, writeBytes } from '../src/index.ts';
import type { AccessPort } from '../src/index.ts';

/** A window over `bytes` that notes every access. */
function window(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer);
  const log: [offset: number, size: number][] = [];
  const note = (offset: number, size: number) => { log.push([offset, size]); };
  const port: AccessPort = {
    *read(offset, size) { note(offset, size); return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset); },
    *write(offset, size, value) {
      note(offset, size);
      if (size === 4) view.setUint32(offset, value, true);
      else if (size === 2) view.setUint16(offset, value, true);
      else view.setUint8(offset, value);
    },
    *read64(offset) { note(offset, 8); return view.getBigUint64(offset, true); },
    *write64(offset, value) { note(offset, 8); view.setBigUint64(offset, value, true); },
  };
  return { port, log };
}

describe('splitting a transfer into accesses', () => {
  const transfer = fc.record({ offset: fc.nat(40), bytes: fc.uint8Array({ maxLength: 40 }), shift: fc.nat(7) });

  test('what is written is what is read, whatever the alignment of either side, and nothing else changes', () => {
    fc.assert(fc.property(transfer, ({ offset, bytes, shift }) => {
      const memory = new Uint8Array(96).fill(0xee);
      const { port } = window(memory);
      // A view that does not begin where its buffer begins, as a message's payload does not.
      const from = new Uint8Array(bytes.length + shift).subarray(shift);
      from.set(bytes);
      runToCompletion(writeBytes(port, offset, from));
      const expected = new Uint8Array(96).fill(0xee);
      expected.set(bytes, offset);
      expect(memory).toEqual(expected);
      const into = new Uint8Array(bytes.length + shift).subarray(shift);
      runToCompletion(readBytes(port, offset, into));
      expect([...into]).toEqual([...bytes]);
    }));
  });

  test('accesses are aligned to their size, adjacent, and as large as both allow', () => {
    fc.assert(fc.property(transfer, fc.boolean(), ({ offset, bytes }, write) => {
      const { port, log } = window(new Uint8Array(96));
      runToCompletion(write ? writeBytes(port, offset, bytes) : readBytes(port, offset, bytes.slice()));
      let at = offset;
      for (const [start, size] of log) {
        expect([start, start % size]).toEqual([at, 0]);
        const twice = size * 2;
        expect(size === 8 || start % twice !== 0 || start + twice > offset + bytes.length).toBe(true);
        at += size;
      }
      expect(at).toBe(offset + bytes.length);
    }));
  });

  test('an unaligned dword is a byte, a word and a byte', () => {
    const { port, log } = window(new Uint8Array(16));
    runToCompletion(readBytes(port, 3, new Uint8Array(4)));
    expect(log).toEqual([[3, 1], [4, 2], [6, 1]]);
  });
});
