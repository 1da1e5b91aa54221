// What every VFIO PCI device does alike: region and interrupt tables, bounds, the DMA map. The device itself supplies
// regions, interrupts and reset.
import { fail, ok, readBytes, writeBytes } from '@siov/base';
import type { AccessPort, Result, Steps } from '@siov/base';
import type { DmaMapping, MappedWindow, SparseArea, VfioDevice } from './device.ts';
import type { GuestPasids } from './guest-pasids.ts';
import { closeFds } from './irq-set.ts';
import type { IrqSet } from './irq-set.ts';
import type { PciIrqs } from './pci-irqs.ts';
import { VFIO_DEVICE_FLAGS, VFIO_IRQ_INFO, VFIO_PCI_IRQ, VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_REGION_INFO_FLAG } from './uapi.ts';

/** A region. Accesses are inside it; they cannot fail, as on a bus. */
export interface PciRegion {
  readonly size: number;
  read(offset: number, into: Uint8Array): Steps<void>;
  write(offset: number, from: Uint8Array): Steps<void>;
  /** The parts of the region that users can map, and what a mapping reaches. */
  readonly mappable?: { readonly areas: readonly SparseArea[]; map(offset: number, size: number): MappedWindow };
}

/** Registers: each access is split into naturally aligned ones. */
export function registerRegion(size: number, port: AccessPort): PciRegion {
  return { size, read: (offset, into) => readBytes(port, offset, into), write: (offset, from) => writeBytes(port, offset, from) };
}

/** An address space the user fills: bytes, page aligned (a domain of the IOMMU). */
export interface DmaSpace {
  map(mapping: DmaMapping): Result<void, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'>;
  unmap(iova: bigint, size: bigint): Result<unknown, 'ENOENT'>;
  unmapAll(): void;
}

export interface PciBackend {
  readonly name: string;
  /** By region index; BARs and config space. */
  readonly regions: Readonly<Record<number, PciRegion>>;
  /** Entries of the MSI-X table. */
  readonly msixVectors: number;
  /** MSI-X vectors are taken all at once (VFIO_IRQ_INFO_NORESIZE). Absent: one by one. */
  readonly noResize?: boolean;
  /** Interrupts of the other indices: REQ, ERR. Absent: only MSI-X has any. */
  readonly otherIrqs?: Pick<PciIrqs, 'info' | 'setIrqs' | 'release'>;
  readonly dma: DmaSpace;
  readonly pasids?: GuestPasids;
  setMsix(set: IrqSet): ReturnType<VfioDevice['setIrqs']>;
  reset(): Steps<void>;
  /** The user is gone: give up what it held besides mappings and eventfds, which are released by then. */
  released(): Steps<void>;
}

const READ_WRITE = VFIO_REGION_INFO_FLAG.READ | VFIO_REGION_INFO_FLAG.WRITE;

/** The VFIO device of `backend`. */
export function pciVfioDevice(backend: PciBackend): VfioDevice {
  const { name, regions, dma } = backend;
  const at = (call: string, index: number, offset: number, length: number): Result<PciRegion, 'EINVAL'> => {
    const region = regions[index];
    if (region === undefined) return fail('EINVAL', `${name}: ${call}: region ${index} is empty`);
    if (!(offset >= 0 && length >= 0 && offset + length <= region.size)) {
      return fail('EINVAL', `${name}: ${call}: ${offset}+${length} is outside of region ${index} of ${region.size} bytes`);
    }
    return ok(region);
  };
  return {
    name,
    info: { flags: VFIO_DEVICE_FLAGS.PCI | VFIO_DEVICE_FLAGS.RESET, numRegions: VFIO_PCI_NUM_REGIONS, numIrqs: VFIO_PCI_NUM_IRQS },
    regionInfo(index) {
      if (!(index >= 0 && index < VFIO_PCI_NUM_REGIONS)) return fail('EINVAL', `${name}: region ${index} is not below ${VFIO_PCI_NUM_REGIONS}`);
      const region = regions[index];
      if (region === undefined) return ok({ index, size: 0, flags: 0 });
      const { size, mappable } = region;
      if (mappable === undefined) return ok({ index, size, flags: READ_WRITE });
      return ok({ index, size, flags: READ_WRITE | VFIO_REGION_INFO_FLAG.MMAP | VFIO_REGION_INFO_FLAG.CAPS, sparse: mappable.areas });
    },
    irqInfo(index) {
      if (!(index >= 0 && index < VFIO_PCI_NUM_IRQS)) return fail('EINVAL', `${name}: irq index ${index} is not below ${VFIO_PCI_NUM_IRQS}`);
      if (index !== VFIO_PCI_IRQ.MSIX) return backend.otherIrqs?.info(index) ?? ok({ index, count: 0, flags: 0 });
      return ok({ index, count: backend.msixVectors, flags: VFIO_IRQ_INFO.EVENTFD | (backend.noResize === true ? VFIO_IRQ_INFO.NORESIZE : 0) });
    },
    *regionRead(index, offset, into) {
      const region = at('read', index, offset, into.length);
      if (!region.ok) return region;
      yield* region.value.read(offset, into);
      return ok();
    },
    *regionWrite(index, offset, from) {
      const region = at('write', index, offset, from.length);
      if (!region.ok) return region;
      yield* region.value.write(offset, from);
      return ok();
    },
    mmap(index, offset, size) {
      const mappable = regions[index]?.mappable;
      const inside = mappable?.areas.some((area) => size > 0 && offset >= area.offset && offset + size <= area.offset + area.size) === true;
      if (mappable !== undefined && inside) return ok(mappable.map(offset, size));
      return fail('EINVAL', `${name}: ${offset}+${size} of region ${index} cannot be mapped`);
    },
    ...(backend.pasids === undefined ? {} : { pasids: backend.pasids }),
    *setIrqs(set) {
      if (set.index === VFIO_PCI_IRQ.MSIX) return yield* backend.setMsix(set);
      if (backend.otherIrqs !== undefined) return yield* backend.otherIrqs.setIrqs(set);
      closeFds(set.data);
      return fail('EINVAL', `${name}: irq index ${set.index} has no interrupts`);
    },
    *dmaMap(mapping) {
      return dma.map(mapping);
    },
    *dmaUnmap(iova, size) {
      const unmapped = dma.unmap(iova, size);
      return unmapped.ok ? ok() : unmapped;
    },
    reset: () => backend.reset(),
    release: () => release(backend),
  };
}

function* release(backend: PciBackend): Steps<void> {
  yield* backend.setMsix({ index: VFIO_PCI_IRQ.MSIX, start: 0, count: 0, action: 'trigger', data: { kind: 'none' } });
  if (backend.otherIrqs !== undefined) yield* backend.otherIrqs.release();
  yield* backend.reset();
  // After the reset: the device no longer reads or writes what goes away here.
  backend.dma.unmapAll();
  yield* backend.released();
}
