// A part of a BAR that the VMM shows instead of the device's.
import type { Steps } from '@siov/base';
import type { Place } from './msix-capability.ts';

export interface EmulatedWindow extends Place {
  readonly bytes: number;
  /** 4 bytes at an offset from the window's start. */
  read(offset: number): number;
  write(offset: number, value: number): Steps<void>;
}

/** Table and pending bits answer 4 and 8 bytes; other sizes read 0 and are not written, as in QEMU. */
export function readWindow(window: EmulatedWindow, offset: number, size: number): bigint {
  if (size < 4) return 0n;
  const low = BigInt(window.read(offset));
  return size === 8 ? low | (BigInt(window.read(offset + 4)) << 32n) : low;
}

export function* writeWindow(window: EmulatedWindow, offset: number, size: number, value: bigint): Steps<void> {
  if (size < 4) return;
  yield* window.write(offset, Number(value & 0xffffffffn));
  if (size === 8) yield* window.write(offset + 4, Number(value >> 32n));
}
