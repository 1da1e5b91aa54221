// PASIDs: ids of up to 20 bits, one name space for the machine (iommu_alloc_global_pasid()), each with an owner, which
// alone can free it, and with the number of devices that use it, for as long as which nobody can.
import { fail, IdAllocator, ModelError, must, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';

/** PASID 0 stands for requests without one (IOMMU_NO_PASID). */
export const FIRST_GLOBAL_PASID = 1;
export const PASID_WIDTH = 20;

export interface PasidAllocatorOptions {
  /** Bits, at most 20. */
  readonly width?: number;
  /** Never given to anybody. */
  readonly reserved?: readonly number[];
  /** Of the state; `pasids` unless said. */
  readonly name?: string;
}

/** Lowest and highest acceptable, both included. */
export interface PasidRange {
  readonly min: number;
  readonly max: number;
}

interface Allocated {
  readonly owner: string;
  /** Devices attached with it. */
  readonly users: number;
}

export class PasidAllocator {
  readonly #ids: IdAllocator;
  readonly #allocated: Map<number, Allocated>;
  readonly #reserved: number;

  constructor(state: StatePort, options: PasidAllocatorOptions = {}) {
    const width = options.width ?? PASID_WIDTH;
    if (!(Number.isInteger(width) && width > 0 && width <= PASID_WIDTH)) throw new ModelError(`PASID width ${width} is not in 1..${PASID_WIDTH}`);
    const name = options.name ?? 'pasids';
    this.#ids = new IdAllocator(state, name, { first: FIRST_GLOBAL_PASID, end: 2 ** width });
    this.#allocated = state.map(`${name}/allocated`);
    const reserved = new Set(options.reserved);
    this.#reserved = reserved.size;
    for (const pasid of reserved) must(this.#ids.reserve(pasid), 'reserving a PASID');
  }

  /** Allocated to somebody. */
  get used(): number {
    return this.#allocated.size;
  }

  /** PASIDs there are to give. */
  get capacity(): number {
    return this.#ids.end - this.#ids.first - this.#reserved;
  }

  /** First id that is none. */
  get end(): number {
    return this.#ids.end;
  }

  /** Who has it; undefined while nobody has. */
  owner(pasid: number): string | undefined {
    return this.#allocated.get(pasid)?.owner;
  }

  /** Devices attached with it. */
  users(pasid: number): number {
    return this.#allocated.get(pasid)?.users ?? 0;
  }

  /** All that are allocated, lowest first. */
  list(): { pasid: number; owner: string; users: number }[] {
    return [...this.#allocated].map(([pasid, each]) => ({ pasid, ...each })).sort((a, b) => a.pasid - b.pasid);
  }

  /** The lowest free PASID of `range`, for `owner`. `ENOSPC` when none is left. */
  alloc(owner: string, range: PasidRange = { min: FIRST_GLOBAL_PASID, max: this.end - 1 }): Result<number, 'ENOSPC'> {
    const pasid = range.min <= FIRST_GLOBAL_PASID ? this.#lowest(range.max) : this.#firstFrom(range);
    if (pasid.ok) this.#allocated.set(pasid.value, { owner, users: 0 });
    return pasid;
  }

  /** `EINVAL` when `pasid` is not allocated to `owner`; `EBUSY` while a device is attached with it. */
  free(owner: string, pasid: number): Result<void, 'EINVAL' | 'EBUSY'> {
    const found = this.#allocated.get(pasid);
    if (found?.owner !== owner) return fail('EINVAL', `PASID ${pasid} is not allocated${found === undefined ? '' : ` to ${owner} but to ${found.owner}`}`);
    if (found.users > 0) return fail('EBUSY', `PASID ${pasid} is in use by ${found.users} devices`);
    this.#allocated.delete(pasid);
    this.#ids.free(pasid);
    return ok();
  }

  /** One device more is attached with it; `change` -1: one fewer. */
  use(pasid: number, change: 1 | -1): void {
    const found = this.#allocated.get(pasid);
    if (found === undefined) throw new ModelError(`PASID ${pasid} is used but not allocated`);
    this.#allocated.set(pasid, { ...found, users: found.users + change });
  }

  #lowest(max: number): Result<number, 'ENOSPC'> {
    const pasid = this.#ids.alloc();
    if (!pasid.ok || pasid.value <= max) return pasid;
    this.#ids.free(pasid.value);
    return fail('ENOSPC', `no PASID up to ${max} is free`);
  }

  /** One by one: ranges that begin higher are for the few PASIDs a set gives to one guest, not for every interrupt. */
  #firstFrom({ min, max }: PasidRange): Result<number, 'ENOSPC'> {
    const end = Math.min(max, this.end - 1);
    for (let pasid = min; pasid <= end; pasid++) {
      if (this.#ids.has(pasid)) continue;
      const taken = this.#ids.reserve(pasid);
      return taken.ok ? taken : fail('ENOSPC', taken.message);
    }
    return fail('ENOSPC', `no PASID in ${min}..${max} is free`);
  }
}
