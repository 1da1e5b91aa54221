// Memory a device can reach by DMA, without saying where it lives: a buffer here, a mapping of a real guest's memory.
import { ModelError } from './errno.ts';

/** `size` bytes. Accesses beyond it are the caller's mistake: whoever translates addresses checks bounds first. */
export interface Memory {
  readonly size: number;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
}

/** Memory in words of the state port, so that under an explorer each word is state that agents share. */
export function wordMemory(words: Uint32Array): Memory {
  const byteAt = (at: number) => ((words[at >>> 2] ?? 0) >>> ((at & 3) * 8)) & 0xff;
  const size = words.length * 4;
  return {
    size,
    read(offset, into) {
      checkRange(size, offset, into.length);
      for (let index = 0; index < into.length; index++) into[index] = byteAt(offset + index);
    },
    write(offset, from) {
      checkRange(size, offset, from.length);
      for (let index = 0; index < from.length; ) {
        const at = offset + index;
        const shift = (at & 3) * 8;
        const count = Math.min(4 - (at & 3), from.length - index);
        let word = count === 4 ? 0 : (words[at >>> 2] ?? 0);
        for (let byte = 0; byte < count; byte++) word = (word & ~(0xff << (shift + byte * 8))) | ((from[index + byte] ?? 0) << (shift + byte * 8));
        words[at >>> 2] = word >>> 0;
        index += count;
      }
    },
  };
}

export function bufferMemory(bytes: Uint8Array): Memory {
  return {
    size: bytes.length,
    read(offset, into) {
      checkRange(bytes.length, offset, into.length);
      into.set(bytes.subarray(offset, offset + into.length));
    },
    write(offset, from) {
      checkRange(bytes.length, offset, from.length);
      bytes.set(from, offset);
    },
  };
}

function checkRange(size: number, offset: number, length: number): void {
  if (offset < 0 || offset + length > size) throw new ModelError(`memory access at ${offset}+${length} leaves the ${size} bytes there are`);
}
