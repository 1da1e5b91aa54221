// IOMMU management: which address space each device and each PASID reaches, and the record of it on the device (R7).
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { Device } from '@siov/device';
import type { AddressSpace } from './address-space.ts';
import type { ProbeOptions } from './devices.ts';
import type { DmaAccess, DmaFault } from './dma.ts';
import { dumpOf } from './dump.ts';
import type { IommuDump } from './dump.ts';
import type { FaultLog } from './faults.ts';
import type { IommuFeature } from './features.ts';
import type { PagingDomain } from './paging-domain.ts';
import { buildParts } from './parts.ts';
import type { IommuOptions, IommuPorts } from './parts.ts';
import { notProbed, PasidOperations } from './pasid-operations.ts';
import type { PasidSet } from './pasid-set.ts';
import type { PasidSetType } from './pasid-sets.ts';
import type { SvaBond, SvaErrno } from './sva.ts';

export class Iommu extends PasidOperations {
  constructor(ports: IommuPorts, options: IommuOptions = {}) {
    super(buildParts(ports, options));
  }

  /** `pasids` allocated, table entries that name an address space, DMA requests blocked and recorded. */
  get counters(): { pasids: number; attachments: number; faults: number } {
    return { pasids: this.parts.pasids.used, attachments: this.parts.attachments.used, faults: this.parts.dma.log.total };
  }

  get lastFault(): DmaFault | null {
    return this.parts.dma.lastFault;
  }

  /** The fault recording registers of DMA remapping. */
  get faultLog(): FaultLog {
    return this.parts.dma.log;
  }

  get pageRequests(): number {
    return this.parts.dma.pageRequests;
  }

  /** DMA remapping for requests of one requester id. */
  dma(requesterId: number): DmaAccess {
    return this.parts.dma.access(requesterId);
  }

  /** iommu_probe_device(): takes over the device's record, and makes the tables of its requester. `ENOMEM`. */
  probeDevice(device: Device, options: ProbeOptions = {}): Result<void, 'ENOMEM'> {
    return this.parts.devices.probe(device, options);
  }

  /** iommu_release_device(). `EBUSY` while PASIDs of it are attached; requests without PASID are blocked from now on. */
  releaseDevice(device: Device): Result<void, 'EBUSY' | 'ENODEV'> {
    const probed = this.parts.devices.get(device);
    if (probed === undefined) return notProbed(device);
    if (probed.attachments.size > 0) return fail('EBUSY', `${device.name} is attached with ${probed.attachments.size} PASIDs`);
    const { requesterId } = device;
    if (!device.isMediated) this.parts.attachments.detachWhole(requesterId);
    if (this.parts.devices.of(requesterId).length === 1) this.parts.features.forget(requesterId);
    this.parts.devices.release(device);
    return ok();
  }

  /**
   * iommu_attach_device(): requests without PASID reach `domain`. `EBUSY` when attached, or while `aux` is on and a mediated
   * device of the function has a domain; `ENODEV` when not probed, or mediated: its requests carry its parent's id, whose
   * address space is not its own to give away; `ENOSPC`: no domain id is left; `ENOMEM`.
   */
  attachDevice(domain: PagingDomain, device: Device): Result<void, 'EBUSY' | 'ENODEV' | 'ENOSPC' | 'ENOMEM'> {
    if (this.parts.devices.get(device) === undefined) return notProbed(device);
    if (device.isMediated) return fail('ENODEV', `${device.name} makes no requests without PASID of its own`);
    const { requesterId } = device;
    const there = this.parts.attachments.whole(requesterId);
    if (there !== undefined) return fail('EBUSY', `${device.name} is attached to ${there.name}`);
    if (this.parts.features.has(requesterId, 'aux') && this.parts.features.auxAttached(requesterId)) {
      return fail('EBUSY', `${device.name}: its mediated devices are attached to domains of their own`);
    }
    return this.parts.attachments.attachWhole(requesterId, domain);
  }

  /** iommu_detach_device(). Again is harmless, and so is it for a device that is not probed, or mediated. */
  detachDevice(device: Device): void {
    if (this.parts.devices.get(device) === undefined || device.isMediated) return;
    this.parts.attachments.detachWhole(device.requesterId);
  }

  /** iommu_dev_enable_feature(): see {@link Features.enable}. */
  enableFeature(device: Device, feature: IommuFeature): Result<void, 'ENODEV' | 'EBUSY' | 'EINVAL'> {
    return this.parts.features.enable(device, feature);
  }

  /** iommu_dev_disable_feature(): see {@link Features.disable}. */
  disableFeature(device: Device, feature: IommuFeature): Result<void, 'ENODEV' | 'EBUSY' | 'EINVAL'> {
    return this.parts.features.disable(device, feature);
  }

  /**
   * iommu_sva_bind_device(): the device reaches what `mm` maps, with the one PASID of `mm`, which all its devices share.
   * Again gives the same, and has to be unbound as often. `ENODEV`: not probed; `EOPNOTSUPP`: `sva` is not on; `ERANGE`:
   * the device sends fewer bits than the PASID has (kernel: EOVERFLOW); `EBUSY`: the entry is another's; `ENOSPC`, `ENOMEM`.
   */
  svaBindDevice(device: Device, mm: AddressSpace): Result<SvaBond, SvaErrno> {
    return this.parts.sva.bind(device, mm);
  }

  /** iommu_sva_unbind_device(). `EINVAL`: it was unbound before; `EBUSY`: an entry of hardware holds the PASID. */
  svaUnbindDevice(bond: SvaBond): Result<void, 'EINVAL' | 'EBUSY'> {
    return this.parts.sva.unbind(bond);
  }

  /** The process behind `mm` ends: devices still bound to it are blocked without faults until they are unbound (intel_mm_release()). */
  releaseMm(mm: AddressSpace): void {
    this.parts.sva.release(mm);
  }

  /**
   * ioasid_set_alloc(): `quota` PASIDs for the owner `token`; 0: all that are left. `EINVAL`: a token that does not fit
   * the type; `EEXIST`: the mm has a set; `ENOSPC`: the quota is above what is left; `ENOMEM`.
   */
  allocSet(token: unknown, quota: number, type: PasidSetType = token === null ? 'null' : 'mm'): Result<PasidSet, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'> {
    return this.parts.sets.alloc(token, quota, type);
  }

  /** ioasid_set_free(). `EINVAL`: gone already; `EBUSY`: PASIDs are in it. */
  freeSet(set: PasidSet): Result<void, 'EINVAL' | 'EBUSY'> {
    return this.parts.sets.free(set);
  }

  /** What there is: for printing (see iommuDumpText()) and for checks. */
  dump(): IommuDump {
    return dumpOf(this.parts);
  }
}
