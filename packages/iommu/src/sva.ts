// Shared virtual addressing: a device works with the addresses of a process, or of the kernel, under one PASID for each
// address space (iommu_sva_bind_device(), drivers/iommu/iommu-sva.c).
import { fail, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import type { AddressSpace } from './address-space.ts';
import type { Attachment, Attachments, AttachErrno } from './attachments.ts';
import type { Devices, ProbedDevice } from './devices.ts';
import type { Features } from './features.ts';
import { FIRST_GLOBAL_PASID } from './pasid.ts';
import type { PasidAllocator } from './pasid.ts';

/** struct iommu_sva: what binding gives and unbinding takes. */
export interface SvaBond {
  readonly device: Device;
  readonly mm: AddressSpace;
  readonly witness: PasidWitness;
}

/** mm->iommu_mm: there while a device is bound. */
interface BoundMm {
  readonly pasid: number;
  readonly devices: number;
}

export type SvaErrno = AttachErrno | 'ENODEV' | 'EOPNOTSUPP' | 'ERANGE';

const OWNER = 'mm';

export class Sva {
  readonly #state: StatePort;
  readonly #devices: Devices;
  readonly #features: Features;
  readonly #attachments: Attachments;
  readonly #pasids: PasidAllocator;
  readonly #mms: Map<AddressSpace, BoundMm>;

  constructor(state: StatePort, name: string, parts: { devices: Devices; features: Features; attachments: Attachments; pasids: PasidAllocator }) {
    this.#state = state;
    this.#devices = parts.devices;
    this.#features = parts.features;
    this.#attachments = parts.attachments;
    this.#pasids = parts.pasids;
    this.#mms = state.map(`${name}/bound-mms`);
  }

  bind(device: Device, mm: AddressSpace): Result<SvaBond, SvaErrno> {
    const probed = this.#devices.get(device);
    if (probed === undefined) return fail('ENODEV', `${device.name} is not behind this IOMMU`);
    if (!this.#features.has(device.requesterId, 'sva')) return fail('EOPNOTSUPP', `${device.name}: sva is not on`);
    const there = this.#find(probed, mm);
    if (there !== undefined) {
      there.state.binds += 1;
      return ok({ device, mm, witness: there.witness });
    }
    if (!this.#state.grant('iommu_sva')) return fail('ENOMEM', `${device.name}: no memory for a bond to ${mm.name}`);
    const pasid = this.#pasidFor(probed, mm);
    if (!pasid.ok) return pasid;
    const made = this.#attachments.attach(probed, pasid.value, mm, 'sva');
    const devices = this.#mms.get(mm)?.devices ?? 0;
    if (!made.ok) {
      if (devices === 0) this.#pasids.free(OWNER, pasid.value);
      return made;
    }
    made.value.state.binds = 1;
    this.#mms.set(mm, { pasid: pasid.value, devices: devices + 1 });
    return ok({ device, mm, witness: made.value.witness });
  }

  unbind({ device, mm, witness }: SvaBond): Result<void, 'EBUSY' | 'EINVAL'> {
    const probed = this.#devices.get(device);
    const there = probed === undefined ? undefined : this.#find(probed, mm);
    const bound = this.#mms.get(mm);
    if (probed === undefined || bound === undefined || there?.witness !== witness) return fail('EINVAL', `${device.name} is not bound to ${mm.name} any more`);
    if (there.state.binds > 1) {
      there.state.binds -= 1;
      return ok();
    }
    const detached = this.#attachments.detach(probed, there);
    if (!detached.ok) return detached;
    if (bound.devices > 1) this.#mms.set(mm, { ...bound, devices: bound.devices - 1 });
    else {
      this.#mms.delete(mm);
      this.#pasids.free(OWNER, bound.pasid);
    }
    return ok();
  }

  /** mmu_notifier release: the process ends before its devices are unbound. */
  release(mm: AddressSpace): void {
    mm.unmapAll();
    for (const probed of this.#devices.all()) {
      const there = this.#find(probed, mm);
      if (there !== undefined) this.#attachments.block(there);
    }
  }

  /** PASID of the mm: the one it has, or the lowest free one. `ERANGE`: the device sends fewer bits (kernel: EOVERFLOW). */
  #pasidFor({ device, maxPasid }: ProbedDevice, mm: AddressSpace): Result<number, 'ENOSPC' | 'ERANGE'> {
    const bound = this.#mms.get(mm);
    if (bound === undefined) return this.#pasids.alloc(OWNER, { min: FIRST_GLOBAL_PASID, max: maxPasid });
    return bound.pasid <= maxPasid ? ok(bound.pasid) : fail('ERANGE', `${device.name} sends no PASID above ${maxPasid}, ${mm.name} has ${bound.pasid}`);
  }

  #find({ attachments }: ProbedDevice, mm: AddressSpace): Attachment | undefined {
    const pasid = this.#mms.get(mm)?.pasid;
    const there = pasid === undefined ? undefined : attachments.get(pasid);
    return there?.kind === 'sva' ? there : undefined;
  }
}
