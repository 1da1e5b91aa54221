// An I/O address space: what a device attached to it reaches. Maps bus addresses to memory, page by page at the edges.
import { fail, ok } from '@siov/base';
import type { Memory, Result, StatePort } from '@siov/base';
import type { TranslationType } from './table-entries.ts';

const PAGE = 4096n;
const SPACE = 1n << 64n;

/** One mapping: bytes, page aligned; `memory` starts at `iova`. */
export interface IommuMapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly memory: Memory;
}

export interface PagingDomainOptions {
  /** Mappings it holds at most (VFIO's dma_entry_limit default). */
  readonly limit?: number;
  /** Which page tables of the PASID entry it is; second-level, which the IOMMU alone walks, unless said. */
  readonly type?: TranslationType;
}

export class PagingDomain {
  readonly name: string;
  readonly type: TranslationType;
  readonly #limit: number;
  /** In ascending order of address; replaced as a whole, so that a walk sees one version. */
  readonly #state: { mappings: readonly IommuMapping[] };
  readonly #granted: () => boolean;

  constructor(state: StatePort, name: string, options: PagingDomainOptions = {}) {
    this.name = name;
    this.type = options.type ?? 'second-level';
    this.#limit = options.limit ?? 65535;
    this.#granted = () => state.grant('vfio_dma');
    this.#state = state.record(`iommu/domain/${name}`, { mappings: [] as readonly IommuMapping[] });
  }

  get mappings(): readonly IommuMapping[] {
    return this.#state.mappings;
  }

  /**
   * vfio_dma_do_map(), its checks in its order. `EINVAL`: empty, unaligned, past 2^64, without access or larger than the
   * memory behind it; `EEXIST`: overlaps a mapping; `ENOSPC`: too many mappings; `ENOMEM`.
   */
  map(mapping: IommuMapping): Result<void, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'> {
    const { iova, size } = mapping;
    const what = `${this.name}: mapping 0x${iova.toString(16)}+0x${size.toString(16)}`;
    if (size <= 0n || iova < 0n || iova % PAGE !== 0n || size % PAGE !== 0n) return fail('EINVAL', `${what} is empty or not aligned to 4 KiB`);
    if (!mapping.readable && !mapping.writable) return fail('EINVAL', `${what} is neither readable nor writable`);
    if (iova + size > SPACE) return fail('EINVAL', `${what} ends past 2^64`);
    // A request behind the memory's end would be the model's error, not a fault: it must not get that far.
    if (size > BigInt(mapping.memory.size)) return fail('EINVAL', `${what} is larger than the ${mapping.memory.size} bytes behind it`);
    const { mappings } = this.#state;
    const at = this.#firstEndingAfter(iova);
    const next = mappings[at];
    if (next !== undefined && next.iova < iova + size) return fail('EEXIST', `${what} overlaps 0x${next.iova.toString(16)}+0x${next.size.toString(16)}`);
    if (mappings.length >= this.#limit) return fail('ENOSPC', `${what}: ${this.#limit} mappings are there already`);
    if (!this.#granted()) return fail('ENOMEM', `${what}: no memory for it`);
    this.#state.mappings = mappings.toSpliced(at, 0, mapping);
    return ok();
  }

  /** iommu_unmap() of exactly one mapping, which it returns. `ENOENT` when there is none. */
  unmap(iova: bigint, size: bigint): Result<IommuMapping, 'ENOENT'> {
    const at = this.#firstEndingAfter(iova);
    const found = this.#state.mappings[at];
    if (found === undefined || found.iova !== iova || found.size !== size) {
      return fail('ENOENT', `${this.name}: 0x${iova.toString(16)}+0x${size.toString(16)} is no mapping`);
    }
    this.#state.mappings = this.#state.mappings.toSpliced(at, 1);
    return ok(found);
  }

  unmapAll(): void {
    this.#state.mappings = [];
  }

  /** Where `address` leads for `kind`, and how many bytes from there on; null is a fault. */
  translate(address: bigint, kind: 'read' | 'write'): { memory: Memory; offset: number; left: number } | null {
    const found = this.#state.mappings[this.#firstEndingAfter(address)];
    if (found === undefined || found.iova > address) return null;
    if (!(kind === 'read' ? found.readable : found.writable)) return null;
    const offset = address - found.iova;
    return { memory: found.memory, offset: Number(offset), left: Number(found.size - offset) };
  }

  /** Index of the first mapping whose end is after `address`. */
  #firstEndingAfter(address: bigint): number {
    const { mappings } = this.#state;
    let [low, high] = [0, mappings.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const each = mappings[middle];
      if (each !== undefined && each.iova + each.size <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
