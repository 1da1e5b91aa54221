// The PASIDs of a device as its driver asks for them, from IOMMU management: the host's own, or a guest's, which tells the
// VMM by virtual commands. The driver sees no difference (R19).
import { fail, ok } from '@siov/base';
import type { Result, Steps, Trace } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import type { DevicePasids, PasidBinding, PasidErrno } from '@siov/guest';
import { AddressSpace } from '@siov/iommu';
import type { Iommu, PagingDomain, SvaBond } from '@siov/iommu';
import type { VfioPci } from '@siov/vmm';

/** What is to be told of a PASID besides IOMMU management: nothing on a host, the VMM in a guest. */
export interface PasidListener {
  bound(pasid: number, space: PagingDomain): Steps<Result<void, PasidErrno>>;
  unbound(pasid: number): Steps<Result<void, 'EBUSY' | 'EINVAL'>>;
}

/** The virtual commands of the VMM's virtual IOMMU: the guest's address spaces are shadowed behind PASIDs of the host. */
export function virtualCommands(vmm: VfioPci): PasidListener {
  return {
    *bound(pasid, space) {
      const bound = yield* vmm.bindPasid(pasid, space.mappings);
      if (bound.ok) return bound;
      return bound.errno === 'ENOENT' || bound.errno === 'EEXIST' ? fail('EINVAL', bound.message) : fail(bound.errno, bound.message);
    },
    *unbound(pasid) {
      const unbound = yield* vmm.unbindPasid(pasid);
      if (unbound.ok) return unbound;
      return unbound.errno === 'EBUSY' ? fail('EBUSY', unbound.message) : fail('EINVAL', unbound.message);
    },
  };
}

const NOBODY: PasidListener = {
  *bound() {
    return ok();
  },
  *unbound() {
    return ok();
  },
};

export interface PasidParts {
  /** The driver crosses into the machine here: it may not use IOMMU management itself. */
  readonly trace: Trace;
  readonly iommu: Iommu;
  readonly device: Device;
  /** What the device reaches under the kernel's PASID. */
  readonly kernel: PagingDomain;
  readonly listener?: PasidListener;
}

export class IommuPasids implements DevicePasids {
  readonly #parts: PasidParts;
  readonly #listener: PasidListener;
  readonly #bonds = new WeakMap<PasidBinding, SvaBond>();

  /** `iommu` has probed the device. */
  constructor(parts: PasidParts) {
    this.#parts = parts;
    this.#listener = parts.listener ?? NOBODY;
  }

  system(): Steps<Result<PasidWitness, PasidErrno>> {
    return this.#cross('bind_pasid', this.#system());
  }

  bindProcess(mm: object): Steps<Result<PasidWitness, PasidErrno>> {
    return this.#cross('bind_pasid', this.#bindProcess(mm));
  }

  unbind(binding: PasidBinding): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    return this.#cross('unbind_pasid', this.#unbind(binding));
  }

  #cross<T>(operation: string, body: Steps<T>): Steps<T> {
    const { trace, device } = this.#parts;
    return trace.cross('scenarios', operation, { device: device.name }, body);
  }

  *#system(): Steps<Result<PasidWitness, PasidErrno>> {
    const { iommu, device, kernel } = this.#parts;
    const attached = iommu.attachDevicePasid(kernel, device);
    return attached.ok ? yield* this.#told(attached.value, kernel, () => iommu.detachDevicePasid(device)) : attached;
  }

  *#bindProcess(mm: object): Steps<Result<PasidWitness, PasidErrno>> {
    const { iommu, device } = this.#parts;
    if (!(mm instanceof AddressSpace)) return fail('EINVAL', `${device.name}: a process is an AddressSpace here`);
    const bond = iommu.svaBindDevice(device, mm);
    if (!bond.ok) return bond;
    this.#bonds.set(bond.value.witness, bond.value);
    return yield* this.#told(bond.value.witness, mm, () => iommu.svaUnbindDevice(bond.value));
  }

  *#unbind(binding: PasidBinding): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    const { iommu, device } = this.#parts;
    const bond = this.#bonds.get(binding);
    if (bond === undefined && device.iommu.witness !== binding) return fail('EINVAL', `${device.name}: PASID ${binding.pasid} is not bound here`);
    // Whoever shadows it gives it up first: until then it is the guest's.
    const unbound = yield* this.#listener.unbound(binding.pasid);
    if (!unbound.ok) return unbound;
    return bond === undefined ? iommu.detachDevicePasid(device) : iommu.svaUnbindDevice(bond);
  }

  *#told(witness: PasidWitness, space: PagingDomain, undo: () => unknown): Steps<Result<PasidWitness, PasidErrno>> {
    const told = yield* this.#listener.bound(witness.pasid, space);
    if (told.ok) return ok(witness);
    undo();
    return told;
  }
}
