// The guest's PASIDs behind a device: what the VMM's virtual IOMMU does when the guest's IOMMU driver binds one (modelled on
// the "virtual command" proposals; from memory of them, mainline has none).
import { describeFailure, fail } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { BindErrno, DmaMapping, GuestPasids, VfioDevice } from '@siov/vfio';
import type { ErrorLog } from './error-log.ts';
import type { PasidTranslation } from './pasid-translation.ts';

export type MapPasidErrno = 'EOPNOTSUPP' | 'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM';
export type BindPasidErrno = BindErrno | MapPasidErrno;
export type UnbindPasidErrno = 'EOPNOTSUPP' | 'ENOENT' | 'EBUSY';

export class VirtualIommu {
  readonly translation: PasidTranslation;
  readonly #device: VfioDevice;
  readonly #log: ErrorLog;

  constructor(device: VfioDevice, translation: PasidTranslation, log: ErrorLog) {
    this.#device = device;
    this.translation = translation;
    this.#log = log;
  }

  /** The address space is complete before a virtual CPU can name it. A failure leaves nothing bound. */
  *bind(gpasid: number, mappings: readonly DmaMapping[]): Steps<Result<void, BindPasidErrno>> {
    const { pasids } = this.#device;
    if (pasids === undefined) return this.#none();
    const bound = yield* pasids.bind(gpasid);
    if (!bound.ok) return bound;
    const mapped: DmaMapping[] = [];
    for (const mapping of mappings) {
      const result = yield* pasids.map(gpasid, mapping);
      if (!result.ok) return yield* this.#undo(pasids, gpasid, mapped, result);
      mapped.push(mapping);
    }
    const loaded = this.translation.load(gpasid, bound.value);
    return loaded.ok ? loaded : yield* this.#undo(pasids, gpasid, mapped, loaded);
  }

  *map(gpasid: number, mapping: DmaMapping): Steps<Result<void, MapPasidErrno>> {
    const { pasids } = this.#device;
    return pasids === undefined ? this.#none() : yield* pasids.map(gpasid, mapping);
  }

  *unmap(gpasid: number, iova: bigint, size: bigint): Steps<Result<void, 'EOPNOTSUPP' | 'ENOENT'>> {
    const { pasids } = this.#device;
    return pasids === undefined ? this.#none() : yield* pasids.unmap(gpasid, iova, size);
  }

  /**
   * Virtual CPUs lose the translation first: the host's PASID may belong to somebody else as soon as it is given back. Where it
   * cannot be given back they have it again; an ENQCMD of another virtual CPU in between faults.
   */
  *unbind(gpasid: number): Steps<Result<void, UnbindPasidErrno>> {
    const { pasids } = this.#device;
    if (pasids === undefined) return this.#none();
    const pasid = this.translation.get(gpasid);
    if (pasid === undefined) return fail('ENOENT', `${this.#device.name}: guest PASID ${gpasid} is not bound`);
    this.translation.unload(gpasid);
    const unbound = yield* pasids.unbind(gpasid);
    if (unbound.ok) return unbound;
    const restored = this.translation.load(gpasid, pasid);
    if (!restored.ok) this.#log.report(describeFailure(restored));
    return unbound;
  }

  *#undo<F>(pasids: GuestPasids, gpasid: number, mapped: readonly DmaMapping[], failure: F): Steps<F> {
    for (const { iova, size } of [...mapped].reverse()) {
      const unmapped = yield* pasids.unmap(gpasid, iova, size);
      if (!unmapped.ok) this.#log.report(describeFailure(unmapped));
    }
    const unbound = yield* pasids.unbind(gpasid);
    if (!unbound.ok) this.#log.report(describeFailure(unbound));
    return failure;
  }

  #none() {
    return fail('EOPNOTSUPP', `${this.#device.name} has no guest PASIDs`);
  }
}
