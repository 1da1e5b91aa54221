import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bufferMemory, plainState } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { dmaPool } from '../src/index.ts';
import type { DmaBuffer } from '../src/index.ts';

const BASE = 0x4000n;
const PAGES = 8;

test('buffers never overlap, are page-aligned and within the memory, and all of it can be had again', () => {
  const operation = fc.record({ alloc: fc.boolean(), size: fc.integer({ min: 1, max: 3 * 4096 }), nth: fc.nat(7) });
  fc.assert(fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
    const bytes = new Uint8Array(PAGES * 4096 + 100);
    const pool = dmaPool(plainState, 'pool', { memory: bufferMemory(bytes), address: BASE });
    const held: { buffer: DmaBuffer; mark: number }[] = [];
    for (const [index, { alloc, size, nth }] of operations.entries()) {
      const buffer = alloc ? pool.alloc(size) : undefined;
      if (buffer?.ok) {
        expect([buffer.value.address % 4096n, buffer.value.memory.size >= size]).toEqual([0n, true]);
        held.push({ buffer: buffer.value, mark: index + 1 });
        buffer.value.memory.write(0, new Uint8Array(buffer.value.memory.size).fill(index + 1));
      } else if (buffer === undefined) for (const { buffer: gone } of held.splice(nth, 1)) pool.free(gone);
      for (const { buffer: each, mark } of held) expect(bytes.subarray(Number(each.address - BASE), Number(each.address - BASE) + each.memory.size).every((byte) => byte === mark)).toBe(true);
    }
    for (const { buffer } of held) pool.free(buffer);
    expect(pool.alloc(PAGES * 4096).ok).toBe(true);
  }));
});

test('what does not fit, or is refused by the machine, is ENOMEM', () => {
  const state = new ObservedState();
  const pool = dmaPool(state, 'pool', { memory: bufferMemory(new Uint8Array(8192)), address: 0n });
  expect(pool.alloc(8193)).toMatchObject({ errno: 'ENOMEM' });
  state.refuse(1);
  expect(pool.alloc(1)).toMatchObject({ errno: 'ENOMEM' });
  expect(pool.alloc(8192).ok).toBe(true);
});

test('a buffer reads and writes its own bytes', () => {
  const bytes = new Uint8Array(8192);
  const pool = dmaPool(plainState, 'pool', { memory: bufferMemory(bytes), address: 0n });
  pool.alloc(1);
  const second = pool.alloc(1);
  if (!second.ok) throw new Error(second.message);
  second.value.memory.write(2, Uint8Array.of(7));
  const read = new Uint8Array(1);
  second.value.memory.read(2, read);
  expect([bytes[4098], read[0]]).toEqual([7, 7]);
});
