// What a VMM asks of the host for a guest that has PASIDs of its own (vSVM): each is backed by a PASID of the host, whose
// address space shadows the guest's. After the nesting calls proposed for VFIO and iommufd (VFIO_IOMMU_PASID_REQUEST,
// BIND_GPASID; from memory of the proposals): mainline has no call of this shape.
import type { Result, Steps } from '@siov/base';
import type { DmaMapping } from './device.ts';

export type BindErrno = 'EINVAL' | 'EBUSY' | 'ENODEV' | 'EOPNOTSUPP' | 'ENOSPC' | 'ENOMEM';

export interface GuestPasids {
  /**
   * The guest's IOMMU driver has put an address space behind `gpasid` for this device: it is empty until {@link map}. The
   * result is the host's PASID, which the VMM loads into the virtual CPUs' translation for ENQCMD. `EINVAL`: not a PASID
   * of 1 to 2^20 - 1; `EBUSY`: bound already; `ENOSPC`: the quota of the virtual machine is used up; `ENODEV`,
   * `EOPNOTSUPP`: no PASIDs here; `ENOMEM`.
   */
  bind(gpasid: number): Steps<Result<number, BindErrno>>;
  /** As `dmaMap` of the device, in the address space of `gpasid`. `ENOENT`: not bound. */
  map(gpasid: number, mapping: DmaMapping): Steps<Result<void, 'ENOENT' | 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'>>;
  /** As `dmaUnmap`. `ENOENT`: not bound, or no such mapping. */
  unmap(gpasid: number, iova: bigint, size: bigint): Steps<Result<void, 'ENOENT'>>;
  /** `ENOENT`: not bound; `EBUSY`: an interrupt of the device carries it, and would be authorised for whoever gets it next. */
  unbind(gpasid: number): Steps<Result<void, 'ENOENT' | 'EBUSY'>>;
}
