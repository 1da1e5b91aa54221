// A window of the device as the bus reaches it: naturally aligned accesses of 1, 2, 4 or 8 bytes, each at one moment.
import type { AccessPort, AccessSize, Steps, Trace } from '@siov/base';
import { registerName } from '@siov/datasheet';
import type { RegisterWindow } from '@siov/datasheet';
import { crossing } from './crossing.ts';

/** 32 bits of a write, at a multiple of 4: the bytes from `offset` on, `size` of them. */
export interface WordWrite {
  readonly offset: number;
  readonly size: AccessSize;
  readonly value: number;
}

/** What stands behind the window. Both are called with aligned offsets inside of it only. */
export interface WindowTarget {
  /** Reads the aligned word at `offset`. */
  readWord(offset: number): number;
  /** Writes one word, or both words of a 64-bit write as one. */
  write(words: readonly WordWrite[]): Steps<void>;
}

/** Accesses that are not aligned or leave the window read 0 and write nothing. */
export function accessWindow(
  window: { size: number; windows: readonly RegisterWindow[]; trace: Trace },
  target: WindowTarget,
): AccessPort {
  const { size: end, windows, trace } = window;
  const inside = (offset: number, size: number) => offset >= 0 && offset % size === 0 && offset + size <= end;
  const name = (offset: number) => registerName(windows, offset);
  const word = (offset: number) => (inside(offset, 4) ? target.readWord(offset) : 0);
  return {
    read(offset, size) {
      return crossing(trace, `read${8 * size}`, () => ({ register: name(offset) }), readNow(() => (inside(offset, size) ? bytesOf(target.readWord(offset & ~3), offset & 3, size) : 0)));
    },
    read64(offset) {
      const both = () => (inside(offset, 8) ? (BigInt(word(offset + 4)) << 32n) | BigInt(word(offset)) : 0n);
      return crossing(trace, 'read64', () => ({ register: name(offset) }), readNow(both));
    },
    write(offset, size, value) {
      const words = inside(offset, size) ? [{ offset, size, value: bytesOf(value, 0, size) }] : [];
      return crossing(trace, `write${8 * size}`, () => ({ register: name(offset), value }), target.write(words));
    },
    write64(offset, value) {
      const half = (at: number, bits: bigint): WordWrite => ({ offset: offset + at, size: 4, value: Number(BigInt.asUintN(32, bits)) });
      const words = inside(offset, 8) ? [half(0, value), half(4, value >> 32n)] : [];
      return crossing(trace, 'write64', () => ({ register: name(offset), value }), target.write(words));
    },
  };
}

function* readNow<T>(read: () => T): Steps<T> {
  return read();
}

function bytesOf(word: number, byte: number, size: AccessSize): number {
  return size === 4 ? word >>> 0 : (word >>> (8 * byte)) & (2 ** (8 * size) - 1);
}
