// A VFIO device as its user sees it: what the ioctls, read(2), write(2) and the container's DMA map reach.
import type { Memory, Result, Steps } from '@siov/base';
import type { GuestPasids } from './guest-pasids.ts';
import type { IrqSet } from './irq-set.ts';

/** VFIO_DEVICE_GET_INFO. `flags` of VFIO_DEVICE_FLAGS. */
export interface DeviceInfo {
  readonly flags: number;
  readonly numRegions: number;
  readonly numIrqs: number;
}

/**
 * VFIO_DEVICE_GET_REGION_INFO. `size` in bytes, 0 where there is no such region; `flags` of VFIO_REGION_INFO_FLAG. `sparse`:
 * the parts that can be mapped (VFIO_REGION_INFO_CAP_SPARSE_MMAP); without it a region with MMAP can be mapped as a whole.
 */
export interface RegionInfo {
  readonly index: number;
  readonly flags: number;
  readonly size: number;
  readonly sparse?: readonly SparseArea[];
}

/** Bytes from the region's start. */
export interface SparseArea {
  readonly offset: number;
  readonly size: number;
}

/**
 * What mmap(2) of a submission portal gives: stores of 64 bytes that reach the device without a trap. Offsets are bytes from
 * the mapping's start.
 */
export interface MappedWindow {
  /** MOVDIR64B: 64 bytes in one write, nothing comes back. */
  submit(offset: number, descriptor: Uint8Array): Steps<void>;
  /** ENQCMD: true when the queue took it, false for "retry" (ZF set). */
  enqueue(offset: number, descriptor: Uint8Array): Steps<boolean>;
  /** munmap(2). Stores from now on reach nothing; again is harmless. */
  unmap(): void;
}

/**
 * `ENXIO`: what the interrupt is to be bound to is known to nobody (a guest's PASID without address space); `ERANGE`: no
 * vector at all. The others as `PciIrqs.setIrqs` says.
 */
export type SetIrqsErrno = 'EINVAL' | 'ENOTTY' | 'ENOSPC' | 'ENODEV' | 'ENOMEM' | 'EBUSY' | 'EBADF' | 'ENXIO' | 'ERANGE';

/** VFIO_DEVICE_GET_IRQ_INFO. `flags` of VFIO_IRQ_INFO. */
export interface IrqInfo {
  readonly index: number;
  readonly flags: number;
  readonly count: number;
}

/** One mapping of the device's address space (VFIO_IOMMU_MAP_DMA). Bytes; `memory` starts at `iova`. */
export interface DmaMapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly memory: Memory;
}

export interface VfioDevice {
  /** For messages and traces. */
  readonly name: string;
  readonly info: DeviceInfo;
  /** `EINVAL` when there is no such index. */
  regionInfo(index: number): Result<RegionInfo, 'EINVAL'>;
  /** `EINVAL` when there is no such index. */
  irqInfo(index: number): Result<IrqInfo, 'EINVAL'>;

  /** Fills `into` from a region. `EINVAL`: no such region, or outside of it; `EFAULT`: the device refused. */
  regionRead(index: number, offset: number, into: Uint8Array): Steps<Result<void, 'EINVAL' | 'EFAULT'>>;
  /** Writes `from` to a region; errors as {@link regionRead}. */
  regionWrite(index: number, offset: number, from: Uint8Array): Steps<Result<void, 'EINVAL' | 'EFAULT'>>;

  /**
   * mmap(2), shared, of `size` bytes of a region. `EINVAL`: not a mappable part of a region of the device. Absent where
   * nothing can be mapped.
   */
  mmap?(index: number, offset: number, size: number): Result<MappedWindow, 'EINVAL'>;

  /**
   * VFIO_DEVICE_SET_IRQS with a request that {@link validateIrqSet} passed. The device owns the eventfds in it from
   * now on, also when the call fails: it closes each when it is replaced, given up or refused. The result is 0, or, when
   * fewer vectors could be had than asked for and none was taken, how many there are: the user may ask again.
   */
  setIrqs(set: IrqSet): Steps<Result<number, SetIrqsErrno>>;

  /** `EEXIST`: overlaps a mapping; `EINVAL`: empty, unaligned to 4 KiB or past 2^64; `ENOSPC`: too many mappings; `ENOMEM`. */
  dmaMap(mapping: DmaMapping): Steps<Result<void, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'>>;
  /** Removes exactly that mapping; `ENOENT` otherwise. When it returns the device no longer touches the memory. */
  dmaUnmap(iova: bigint, size: bigint): Steps<Result<void, 'ENOENT'>>;

  /** The guest's PASIDs behind this device; absent where guests have none. */
  readonly pasids?: GuestPasids;

  /** VFIO_DEVICE_RESET: as a function level reset. */
  reset(): Steps<void>;
  /** The user is gone (close(2)): interrupts given up, mappings removed, device reset. Never fails; again is harmless. */
  release(): Steps<void>;
}
