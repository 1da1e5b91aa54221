import { closeSync, openSync, writeFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '@siov/base';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mapMemory } from '../src/dma-memory.ts';
import type { DmaMemory } from '../src/dma-memory.ts';
import { addSeals, closeFd, dup, eventfd, F_SEAL_SHRINK, memfd, truncate } from '../src/sys.ts';
import { openFds } from './server-harness.ts';

const SIZE = 0x8000;
const all = { offset: 0n, size: BigInt(SIZE), readable: true, writable: true };
let fd: number;

beforeEach(() => void (fd = memfd('test', SIZE)));
afterEach(() => closeFd(fd));

function map(sealed: boolean, change: Partial<typeof all> = {}, options = {}): DmaMemory {
  if (sealed) addSeals(fd, F_SEAL_SHRINK);
  return must(mapMemory(dup(fd), { ...all, ...change }, options), 'mapping');
}

describe.each([['mapped', true], ['through the file', false]])('memory %s', (_how, sealed) => {
  test('holds what is written, across windows', () => {
    const memory = map(sealed, {}, { window: 4096 });
    const expected = new Uint8Array(SIZE);
    fc.assert(fc.property(fc.nat(SIZE - 1), fc.uint8Array({ maxLength: 9000 }), (offset, bytes) => {
      const part = bytes.subarray(0, SIZE - offset);
      memory.write(offset, part);
      expected.set(part, offset);
      const back = new Uint8Array(SIZE);
      memory.read(0, back);
      expect(Buffer.compare(back, expected)).toBe(0);
    }), { numRuns: 50 });
    memory.detach();
  });

  test('begins at its offset in the file, and is seen by others that map it', () => {
    const part = map(sealed, { offset: 0x2000n, size: 0x1000n });
    const whole = map(sealed);
    part.write(0x10, Uint8Array.of(1, 2, 3));
    const seen = new Uint8Array(3);
    whole.read(0x2010, seen);
    expect([...seen]).toEqual([1, 2, 3]);
    expect(part.size).toBe(0x1000);
    part.detach();
    whole.detach();
  });

  test.each([[-1, 1], [0x7fff, 2], [0x8000, 1], [2 ** 52, 1], [Number.NaN, 1]])('is not left: %d+%d throws', (offset, length) => {
    const memory = map(sealed);
    expect(() => memory.read(offset, new Uint8Array(length))).toThrow(/leaves the 32768 bytes/);
    expect(() => memory.write(offset, new Uint8Array(length))).toThrow(/leaves the 32768 bytes/);
    memory.detach();
  });

  test('keeps to its rights', () => {
    const readOnly = map(sealed, { writable: false });
    expect(() => readOnly.write(0, Uint8Array.of(1))).toThrow(/does not allow/);
    const writeOnly = map(sealed, { readable: false });
    expect(() => writeOnly.read(0, new Uint8Array(1))).toThrow(/does not allow/);
    writeOnly.write(0, Uint8Array.of(7));
    const byte = new Uint8Array(1);
    readOnly.read(0, byte);
    expect(byte[0]).toBe(7);
    readOnly.detach();
    writeOnly.detach();
  });

  test('is gone once it is detached, for whoever still holds it, and so are its descriptors', () => {
    const before = openFds();
    const memory = map(sealed);
    memory.detach();
    memory.detach();
    expect(() => memory.read(0, new Uint8Array(1))).toThrow(/unmapped/);
    expect(() => memory.write(0, new Uint8Array(1))).toThrow(/unmapped/);
    expect(openFds()).toBe(before);
  });

  test.each([
    ['beyond the end of the file', { size: 0x9000n }],
    ['beyond the end by its offset', { offset: 0x1000n }],
    ['at an unaligned offset', { offset: 0x800n, size: 0x1000n }],
    ['at an offset beyond 2^63', { offset: 0xffff_ffff_ffff_f000n, size: 0x1000n }],
    ['of 2^60 bytes', { size: 1n << 60n }],
  ])('%s is refused, the descriptor closed', (_what, change) => {
    if (sealed) addSeals(fd, F_SEAL_SHRINK);
    const before = openFds();
    expect(mapMemory(dup(fd), { ...all, ...change })).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(openFds()).toBe(before);
  });
});

describe('a file that can shrink', () => {
  test('and does, reads 0 and takes no writes, is not made longer, and is reported', () => {
    let reported = 0;
    const memory = map(false, {}, { onTruncated: () => void (reported += 1) });
    memory.write(0, new Uint8Array(SIZE).fill(0xaa));
    truncate(fd, 0x1002);
    const bytes = new Uint8Array(4).fill(1);
    memory.read(0x1000, bytes);
    expect([...bytes]).toEqual([0xaa, 0xaa, 0, 0]);
    memory.write(0x1000, Uint8Array.of(1, 2, 3, 4));
    memory.write(0x4000, Uint8Array.of(1));
    expect(reported).toBe(3);
    truncate(fd, SIZE);
    memory.read(0x1000, bytes);
    expect([...bytes]).toEqual([1, 2, 0, 0]);
    memory.detach();
  });

  test('keeps a descriptor open, of which there are not more than the budget', () => {
    const budget = { openFiles: 1 };
    const memory = map(false, {}, { budget });
    expect(mapMemory(dup(fd), all, { budget })).toMatchObject({ ok: false, errno: 'ENOSPC' });
    memory.detach();
    expect(budget.openFiles).toBe(1);
  });
});

describe('a descriptor of the wrong kind', () => {
  test('is refused and closed', () => {
    const directory = mkdtempSync(join(tmpdir(), 'vu-'));
    const before = openFds();
    writeFileSync(join(directory, 'f'), new Uint8Array(SIZE));
    const readOnly = openSync(join(directory, 'f'), 'r');
    for (const wrong of [eventfd(), openSync(directory, 'r'), openSync('/dev/zero', 'r+'), readOnly]) {
      expect(mapMemory(wrong, all)).toMatchObject({ ok: false, errno: 'EINVAL' });
    }
    expect(mapMemory(987654, all)).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(openFds()).toBe(before);
    const alone = openSync(join(directory, 'f'), 'r');
    must(mapMemory(alone, { ...all, writable: false }), 'mapping read-only').detach();
    expect(() => closeSync(alone)).toThrow(/EBADF/);
    rmSync(directory, { recursive: true });
  });
});
