// Attaching and detaching with PASIDs, and where PASIDs come from.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import type { ProbedDevice } from './devices.ts';
import type { PagingDomain } from './paging-domain.ts';
import type { IommuParts } from './parts.ts';
import { FIRST_GLOBAL_PASID } from './pasid.ts';
import type { PasidSet } from './pasid-set.ts';

/** Owner of what allocGlobalPasid() gives; of the PASIDs the IOMMU chooses itself; of those of bound address spaces. */
const GLOBAL = 'global';
const DEFAULT = 'default';
const OF_MM = 'mm';

export class PasidOperations {
  protected readonly parts: IommuParts;
  readonly scalable: boolean;

  constructor(parts: IommuParts) {
    this.parts = parts;
    this.scalable = parts.scalable;
  }

  /**
   * iommu_attach_device_pasid() with a PASID of the IOMMU's choosing, which it records on the device: from now on it
   * is visible to whoever asks the device (R7). `EBUSY`: has one; `ENODEV`: not probed; `EOPNOTSUPP`: the IOMMU is not
   * in scalable mode (R4); `ENOSPC`: no PASID is left, or no domain id; `ENOMEM`.
   */
  attachDevicePasid(domain: PagingDomain, device: Device): Result<PasidWitness, 'EBUSY' | 'ENODEV' | 'EOPNOTSUPP' | 'ENOSPC' | 'ENOMEM'> {
    return this.parts.trace.call('iommu', 'attach_device_pasid', { device: device.name, domain: domain.name }, () => {
      const probed = this.#pasidDevice(device);
      if (!probed.ok) return probed;
      if (device.iommu.valid) return fail('EBUSY', `${device.name} is attached with PASID ${device.iommu.pasid}`);
      const pasid = this.parts.pasids.alloc(DEFAULT, { min: FIRST_GLOBAL_PASID, max: probed.value.maxPasid });
      if (!pasid.ok) return pasid;
      const made = this.parts.attachments.attach(probed.value, pasid.value, domain, 'default');
      if (made.ok) return ok(made.value.witness);
      this.parts.pasids.free(DEFAULT, pasid.value);
      return made;
    });
  }

  /**
   * iommu_detach_device_pasid(): the record and its witnesses become invalid, requests with the PASID are blocked. Again is
   * harmless. `EBUSY` while an entry of hardware holds the PASID: nothing has changed then.
   */
  detachDevicePasid(device: Device): Result<void, 'EBUSY'> {
    return this.parts.trace.call('iommu', 'detach_device_pasid', { device: device.name }, () => {
      const { pasid, valid } = device.iommu;
      const probed = this.parts.devices.get(device);
      const there = valid ? probed?.attachments.get(pasid) : undefined;
      if (probed === undefined || there === undefined) return ok();
      const detached = this.parts.attachments.detach(probed, there);
      if (detached.ok) this.parts.pasids.free(DEFAULT, pasid);
      return detached;
    });
  }

  /**
   * iommu_attach_device_pasid() with a PASID the caller owns: a global one, or one of a set. `EINVAL`: none of these, or
   * more bits than the device sends; `EBUSY`: requests with it reach another address space already, or are this device's (mediated
   * devices of one function share what is attached); `ENODEV`, `EOPNOTSUPP`, `ENOSPC`, `ENOMEM` as {@link attachDevicePasid}.
   */
  attachPasid(domain: PagingDomain, device: Device, pasid: number): Result<PasidWitness, 'EINVAL' | 'EBUSY' | 'ENODEV' | 'EOPNOTSUPP' | 'ENOSPC' | 'ENOMEM'> {
    const probed = this.#pasidDevice(device);
    if (!probed.ok) return probed;
    const owner = this.parts.pasids.owner(pasid);
    if (owner === undefined || owner === DEFAULT || owner === OF_MM) return fail('EINVAL', `${device.name}: PASID ${pasid} is not the caller's`);
    if (pasid > probed.value.maxPasid) return fail('EINVAL', `${device.name} sends no PASID above ${probed.value.maxPasid}, and this is ${pasid}`);
    const made = this.parts.attachments.attach(probed.value, pasid, domain, 'pasid');
    return made.ok ? ok(made.value.witness) : made;
  }

  /**
   * iommu_replace_device_pasid(): requests with `pasid` reach `domain` from now on, without a moment in which they reach
   * nothing. The witness stays. `EINVAL`: not attached by {@link attachPasid}; `EBUSY`: shared with another device of the function;
   * `ENODEV`, `ENOSPC`, `ENOMEM` as there.
   */
  replaceDevicePasid(domain: PagingDomain, device: Device, pasid: number): Result<void, 'EINVAL' | 'EBUSY' | 'ENODEV' | 'ENOSPC' | 'ENOMEM'> {
    const probed = this.parts.devices.get(device);
    if (probed === undefined) return notProbed(device);
    const there = probed.attachments.get(pasid);
    return there?.kind === 'pasid' ? this.parts.attachments.replace(there, domain) : notOwn(device, pasid);
  }

  /**
   * iommu_detach_device_pasid() of {@link attachPasid}. Harmless when not attached. `EBUSY`: an entry of hardware holds the
   * PASID; `EINVAL`: it is the device's default one, or of a bound address space, which are detached elsewhere.
   */
  detachPasid(device: Device, pasid: number): Result<void, 'EBUSY' | 'EINVAL'> {
    const probed = this.parts.devices.get(device);
    const there = probed?.attachments.get(pasid);
    if (probed === undefined || there === undefined) return ok();
    return there.kind === 'pasid' ? this.parts.attachments.detach(probed, there) : notOwn(device, pasid);
  }

  /** iommu_alloc_global_pasid(): the lowest free one that `device` can send (kernel: IOMMU_PASID_INVALID for all errors). */
  allocGlobalPasid(device: Device): Result<number, 'ENODEV' | 'EOPNOTSUPP' | 'ENOSPC'> {
    const probed = this.#pasidDevice(device);
    return probed.ok ? this.parts.pasids.alloc(GLOBAL, { min: FIRST_GLOBAL_PASID, max: probed.value.maxPasid }) : probed;
  }

  /** iommu_free_global_pasid(). `EINVAL`: {@link allocGlobalPasid} did not give it; `EBUSY`: a device is attached with it. */
  freeGlobalPasid(pasid: number): Result<void, 'EINVAL' | 'EBUSY'> {
    return this.parts.pasids.free(GLOBAL, pasid);
  }

  /**
   * Proof of the host PASID behind the guest PASID `gpasid` of `set`, for `device`. `ENXIO`: the guest has no such PASID,
   * or the device is not attached with what is behind it.
   */
  resolveGuest(set: PasidSet, device: Device, gpasid: number): Result<PasidWitness, 'ENXIO'> {
    const found = set.findBySpid(gpasid);
    if (!found.ok) return fail('ENXIO', `${device.name}: no PASID is behind the guest's ${gpasid}`);
    const there = this.parts.devices.get(device)?.attachments.get(found.value);
    return there === undefined ? fail('ENXIO', `${device.name} is not attached with PASID ${found.value}, the guest's ${gpasid}`) : ok(there.witness);
  }

  #pasidDevice(device: Device): Result<ProbedDevice, 'ENODEV' | 'EOPNOTSUPP'> {
    const probed = this.parts.devices.get(device);
    if (probed === undefined) return notProbed(device);
    return this.scalable ? ok(probed) : fail('EOPNOTSUPP', `${device.name}: the IOMMU is not in scalable mode and has no PASIDs`);
  }
}

export function notProbed(device: Device): Result<never, 'ENODEV'> {
  return fail('ENODEV', `${device.name} is not behind this IOMMU`);
}

function notOwn(device: Device, pasid: number): Result<never, 'EINVAL'> {
  return fail('EINVAL', `${device.name}: PASID ${pasid} was not attached by its number`);
}
