// The PASIDs of the device, as IOMMU management binds them. The driver asks for them and consumes them; it stores none in
// the device, and there is no setter for one (R7).
import type { Result, Steps } from '@siov/base';

/** One address space the device may work in. A `PasidWitness` of @siov/device is one. */
export interface PasidBinding {
  /** 20 bits: the host's number on a host, the guest's in a guest. */
  readonly pasid: number;
}

export type PasidErrno = 'ENODEV' | 'EOPNOTSUPP' | 'ENOSPC' | 'ENOMEM' | 'EBUSY' | 'EINVAL' | 'ERANGE' | 'ENXIO';

/** IOMMU management of the kernel the driver runs in: on a host the IOMMU itself, in a guest what the VMM shows of one. */
export interface DevicePasids {
  /**
   * idxd_enable_system_pasid(): the PASID under which the device works for the kernel, iommu_attach_device_pasid(). Called
   * once, at probe, before any interrupt is allocated (R16).
   */
  system(): Steps<Result<PasidBinding, PasidErrno>>;
  /** iommu_sva_bind_device(): the PASID of the address space `mm`, which is the machine's own notion of a process. */
  bindProcess(mm: object): Steps<Result<PasidBinding, PasidErrno>>;
  /** Gives either back. `EBUSY`: an entry of hardware still holds it. */
  unbind(binding: PasidBinding): Steps<Result<void, 'EBUSY' | 'EINVAL'>>;
}
