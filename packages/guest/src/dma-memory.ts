// Memory that CPU and device both see, for completion records and batch lists (dma_alloc_coherent()).
import { fail, ok } from '@siov/base';
import type { Memory, Result, StatePort } from '@siov/base';

export interface DmaBuffer {
  /** Where the device finds it: page-aligned, an address of the PASID the device works under. */
  readonly address: bigint;
  readonly memory: Memory;
}

export interface DmaMemory {
  /** `size` bytes, at least 1. */
  alloc(size: number): Result<DmaBuffer, 'ENOMEM'>;
  free(buffer: DmaBuffer): void;
}

const PAGE = 4096;

/** Buffers out of `memory`, whose first byte the device finds at `address`; whole pages, the lowest that are free. */
export function dmaPool(state: StatePort, name: string, { memory, address }: DmaBuffer): DmaMemory {
  /** First page to number of pages. */
  const taken = state.map<number, number>(`dma/${name}`);
  const pages = Math.floor(memory.size / PAGE);
  const fits = (first: number, count: number) =>
    first + count <= pages && [...taken].every(([start, length]) => first + count <= start || start + length <= first);
  return {
    alloc(size) {
      const count = Math.ceil(size / PAGE);
      // The lowest free range starts at the beginning or right behind another one.
      const first = [0, ...[...taken].map(([start, length]) => start + length)].sort((a, b) => a - b).find((each) => fits(each, count));
      if (first === undefined || !state.grant('dma_coherent')) return fail('ENOMEM', `${name}: no ${size} bytes of DMA memory are left`);
      taken.set(first, count);
      return ok({ address: address + BigInt(first * PAGE), memory: part(memory, first * PAGE, count * PAGE) });
    },
    free(buffer) {
      taken.delete(Number(buffer.address - address) / PAGE);
    },
  };
}

function part(memory: Memory, start: number, size: number): Memory {
  return {
    size,
    read: (offset, into) => memory.read(start + offset, into),
    write: (offset, from) => memory.write(start + offset, from),
  };
}
