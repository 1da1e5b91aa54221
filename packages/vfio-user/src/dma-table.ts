// The mappings of one connection: which ranges of the device's address space the client has mapped, and with what.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';

/** Mapped memory that can be taken away. */
export interface Detachable {
  /** Later accesses throw; the memory is unmapped and its descriptors are closed. Again is harmless. */
  detach(): void;
}

export interface DmaRange<M extends Detachable = Detachable> {
  /** Bytes. */
  readonly iova: bigint;
  readonly size: bigint;
  /** Absent: a range without a descriptor (a ROM of the VMM), which the device never hears of. */
  readonly memory?: M;
}

const PAGE = 4096n;
const END = 1n << 64n;

/** Ranges sorted by address; none overlap. */
export class DmaTable<M extends Detachable = Detachable> {
  readonly #ranges: DmaRange<M>[] = [];
  readonly #max: number;
  #mappedBytes = 0n;

  /** At most `max` ranges. */
  constructor(max: number) {
    this.#max = max;
  }

  get ranges(): readonly DmaRange<M>[] {
    return this.#ranges;
  }

  /** Bytes of the ranges that have memory. */
  get mappedBytes(): bigint {
    return this.#mappedBytes;
  }

  /** Whether a range may be added. `EINVAL`: empty, unaligned, past 2^64; `EEXIST`: overlaps one; `ENOSPC`: table full. */
  admits(iova: bigint, size: bigint): Result<void, 'EINVAL' | 'EEXIST' | 'ENOSPC'> {
    const where = show(iova, size);
    if (size === 0n || iova + size > END) return fail('EINVAL', `DMA_MAP: ${where} is empty or ends past 2^64`);
    if (iova % PAGE !== 0n || size % PAGE !== 0n) return fail('EINVAL', `DMA_MAP: ${where} is not aligned to 4 KiB`);
    const next = this.#ranges[this.#firstEndingAfter(iova)];
    if (next !== undefined && next.iova < iova + size) {
      return fail('EEXIST', `DMA_MAP: ${where} overlaps ${show(next.iova, next.size)}`);
    }
    if (this.#ranges.length >= this.#max) return fail('ENOSPC', `DMA_MAP: all ${this.#max} mappings are in use`);
    return ok();
  }

  /** Adds a range that {@link admits} passed. */
  add(range: DmaRange<M>): void {
    this.#ranges.splice(this.#firstEndingAfter(range.iova), 0, range);
    if (range.memory !== undefined) this.#mappedBytes += range.size;
  }

  /**
   * Every range inside `iova`, `size`: what an unmap of it removes, possibly nothing. `EINVAL` when it is empty, ends
   * past 2^64 or cuts a range in two (as VFIO type1 v2).
   */
  inside(iova: bigint, size: bigint): Result<DmaRange<M>[], 'EINVAL'> {
    const where = show(iova, size);
    if (size === 0n || iova + size > END) return fail('EINVAL', `DMA_UNMAP: ${where} is empty or ends past 2^64`);
    const found: DmaRange<M>[] = [];
    for (let at = this.#firstEndingAfter(iova); at < this.#ranges.length; at++) {
      const range = this.#ranges[at] as DmaRange<M>;
      if (range.iova >= iova + size) break;
      if (range.iova < iova || range.iova + range.size > iova + size) {
        return fail('EINVAL', `DMA_UNMAP: ${where} cuts the mapping ${show(range.iova, range.size)}`);
      }
      found.push(range);
    }
    return ok(found);
  }

  /** Removes a range that is in the table. */
  remove(range: DmaRange<M>): void {
    this.#ranges.splice(this.#firstEndingAfter(range.iova), 1);
    if (range.memory !== undefined) this.#mappedBytes -= range.size;
  }

  /** Binary search: the index of the first range that ends above `address`. */
  #firstEndingAfter(address: bigint): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle] as DmaRange<M>;
      if (range.iova + range.size > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function show(iova: bigint, size: bigint): string {
  return `0x${iova.toString(16)}+0x${size.toString(16)}`;
}
