// The guest's PASIDs behind one virtual device: each is backed by a PASID of the host, taken from the set of the virtual
// machine, and by an address space that shadows the guest's.
import { fail, must, ok } from '@siov/base';
import type { Failure, Result, StatePort, Steps } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import type { Iommu, PasidSet } from '@siov/iommu';
import type { BindErrno, DmaMapping, GuestPasids } from '@siov/vfio';
import { DeviceMappings } from './guest-spaces.ts';
import type { GuestSpaces } from './guest-spaces.ts';

/** PASIDs have 20 bits; 0 stands for requests without one. */
const LAST_PASID = 2 ** 20 - 1;

export interface GuestPasidParts {
  readonly state: StatePort;
  readonly iommu: Iommu;
  readonly device: Device;
  /** Of the virtual machine: its devices share what it calls by one name. */
  readonly set: PasidSet;
  /** Of the function. */
  readonly spaces: GuestSpaces;
  /** Waits until the function does nothing more with the PASID (Drain PASID). */
  drain(pasid: number): Steps<void>;
}

interface Bound {
  readonly pasid: number;
  readonly mappings: DeviceMappings;
}

export class GuestPasidTable implements GuestPasids {
  readonly #parts: GuestPasidParts;
  readonly #bound: Map<number, Bound>;

  constructor(parts: GuestPasidParts) {
    this.#parts = parts;
    this.#bound = parts.state.map(`${parts.device.name}/guest-pasids`);
  }

  /** The host's PASIDs behind those that are bound. `shared`: another device of the virtual machine has it too. */
  get hostPasids(): { readonly pasid: number; readonly shared: boolean }[] {
    return [...this.#bound.values()].map(({ pasid }) => ({ pasid, shared: this.#references(pasid) > 1 }));
  }

  /** The host's PASID behind `gpasid`; undefined while it is not bound. */
  hostPasid(gpasid: number): { readonly pasid: number; readonly shared: boolean } | undefined {
    const pasid = this.#bound.get(gpasid)?.pasid;
    return pasid === undefined ? undefined : { pasid, shared: this.#references(pasid) > 1 };
  }

  /** What the guest calls the host's `pasid`; undefined: it is none of the guest's. */
  guestPasid(pasid: number): number | undefined {
    for (const [gpasid, bound] of this.#bound) if (bound.pasid === pasid) return gpasid;
    return undefined;
  }

  /** Proof of what is behind `gpasid` (Iommu.resolveGuest()). `ENXIO`: nothing is. */
  resolve(gpasid: number): Result<PasidWitness, 'ENXIO'> {
    const { iommu, device, set } = this.#parts;
    return iommu.resolveGuest(set, device, gpasid);
  }

  *bind(gpasid: number): Steps<Result<number, BindErrno>> {
    const { device, iommu, state, set, spaces } = this.#parts;
    if (!(Number.isInteger(gpasid) && gpasid >= 1 && gpasid <= LAST_PASID)) return fail('EINVAL', `${device.name}: ${gpasid} is no PASID of 1..${LAST_PASID}`);
    if (this.#bound.has(gpasid)) return fail('EBUSY', `${device.name}: the guest's PASID ${gpasid} is bound`);
    const pasid = this.#take(gpasid);
    if (!pasid.ok) return pasid;
    const mappings = new DeviceMappings(state, `${device.name}/pasid${gpasid}`, spaces.take(set, gpasid));
    const attached = iommu.attachPasid(mappings.domain, device, pasid.value);
    if (!attached.ok) {
      spaces.give(set, gpasid);
      this.#give(pasid.value);
      return attached;
    }
    this.#bound.set(gpasid, { pasid: pasid.value, mappings });
    return pasid;
  }

  *map(gpasid: number, mapping: DmaMapping): Steps<Result<void, 'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'>> {
    return this.#bound.get(gpasid)?.mappings.map(mapping) ?? this.#notBound(gpasid);
  }

  *unmap(gpasid: number, iova: bigint, size: bigint): Steps<Result<void, 'ENOENT'>> {
    const bound = this.#bound.get(gpasid);
    if (bound === undefined) return this.#notBound(gpasid);
    return bound.mappings.unmap(iova, size);
  }

  /** Also `EBUSY`: the guest's queue is enabled with it. The function is done with the PASID before it goes. */
  *unbind(gpasid: number): Steps<Result<void, 'ENOENT' | 'EBUSY'>> {
    const { device, iommu, drain, set, spaces } = this.#parts;
    const bound = this.#bound.get(gpasid);
    if (bound === undefined) return this.#notBound(gpasid);
    yield* drain(bound.pasid);
    const detached = iommu.detachPasid(device, bound.pasid);
    // Attached by its number, so that nothing but a holder can be in the way.
    if (!detached.ok) return detached.errno === 'EBUSY' ? (detached as Failure<'EBUSY'>) : fail('EBUSY', detached.message);
    this.#bound.delete(gpasid);
    bound.mappings.unmapAll();
    spaces.give(set, gpasid);
    this.#give(bound.pasid);
    return ok();
  }

  /** The user is gone: nothing of the device holds a PASID any more. */
  *unbindAll(): Steps<void> {
    for (const gpasid of this.#bound.keys()) must(yield* this.unbind(gpasid), `${this.#parts.device.name}: its interrupts and its queue are given up`);
  }

  /** The set's PASID of that name, one reference more; or a new one. */
  #take(gpasid: number): Result<number, 'EINVAL' | 'ENOSPC' | 'ENOMEM'> {
    const { set } = this.#parts;
    const there = set.findBySpid(gpasid, { get: true });
    if (there.ok) return there;
    const made = set.alloc();
    if (made.ok) must(set.attachSpid(made.value, gpasid), 'a new PASID, and a name that nobody has');
    return made;
  }

  #give(pasid: number): void {
    const { set } = this.#parts;
    if (this.#references(pasid) === 1) must(set.detachSpid(pasid), 'a PASID with the name it was given');
    must(set.put(pasid), 'a PASID this device is not attached with any more');
  }

  #references(pasid: number): number {
    return this.#parts.set.list().find((each) => each.pasid === pasid)?.references ?? 0;
  }

  #notBound(gpasid: number): Result<never, 'ENOENT'> {
    return fail('ENOENT', `${this.#parts.device.name}: the guest's PASID ${gpasid} is not bound`);
  }
}
