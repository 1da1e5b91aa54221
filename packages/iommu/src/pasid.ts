// PASIDs: 20-bit ids, one name space for the machine (iommu_alloc_global_pasid()).
import { fail, IdAllocator, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';

/** PASID 0 stands for requests without one (IOMMU_NO_PASID). */
export const FIRST_GLOBAL_PASID = 1;
export const PASID_WIDTH = 20;

export class PasidAllocator {
  readonly #ids: IdAllocator;

  /** `width` bits, at most 20; devices may support fewer. */
  constructor(state: StatePort, width: number = PASID_WIDTH) {
    if (!(Number.isInteger(width) && width > 0 && width <= PASID_WIDTH)) throw new ModelError(`PASID width ${width} is not in 1..${PASID_WIDTH}`);
    this.#ids = new IdAllocator(state, 'pasids', { first: FIRST_GLOBAL_PASID, end: 2 ** width });
  }

  get used(): number {
    return this.#ids.used;
  }

  /** The lowest free PASID. `ENOSPC` when none is left. */
  alloc(): Result<number, 'ENOSPC'> {
    return this.#ids.alloc();
  }

  /** `EINVAL` when `pasid` is not allocated. */
  free(pasid: number): Result<void, 'EINVAL'> {
    if (!this.#ids.has(pasid)) return fail('EINVAL', `PASID ${pasid} is not allocated`);
    this.#ids.free(pasid);
    return ok();
  }
}
