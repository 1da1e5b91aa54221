// Memory a device can reach by DMA, without saying where it lives: a buffer here, a mapping of a real guest's memory.
import { ModelError } from './errno.ts';

/** `size` bytes. Accesses beyond it are the caller's mistake: whoever translates addresses checks bounds first. */
export interface Memory {
  readonly size: number;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
}

export function bufferMemory(bytes: Uint8Array): Memory {
  const check = (offset: number, length: number) => {
    if (offset < 0 || offset + length > bytes.length) {
      throw new ModelError(`memory access at ${offset}+${length} leaves the ${bytes.length} bytes there are`);
    }
  };
  return {
    size: bytes.length,
    read(offset, into) {
      check(offset, into.length);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    write(offset, from) {
      check(offset, from.length);
      bytes.set(from, offset);
    },
  };
}
