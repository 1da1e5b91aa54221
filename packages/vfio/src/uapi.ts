// The numbers of include/uapi/linux/vfio.h that devices, VMMs and vfio-user agree on (from memory of that file, not looked up).

/** _IO(';', 100 + n) */
const io = (n: number): number => (0x3b << 8) | (100 + n);

/** ioctl request numbers: of a container, of a group, of a device. */
export const VFIO_IOCTL = {
  GET_API_VERSION: io(0),
  CHECK_EXTENSION: io(1),
  SET_IOMMU: io(2),
  GROUP_GET_STATUS: io(3),
  GROUP_SET_CONTAINER: io(4),
  GROUP_UNSET_CONTAINER: io(5),
  GROUP_GET_DEVICE_FD: io(6),
  DEVICE_GET_INFO: io(7),
  DEVICE_GET_REGION_INFO: io(8),
  DEVICE_GET_IRQ_INFO: io(9),
  DEVICE_SET_IRQS: io(10),
  DEVICE_RESET: io(11),
} as const;

/** Region indices of a PCI device. */
export const VFIO_PCI_REGION = { BAR0: 0, BAR1: 1, BAR2: 2, BAR3: 3, BAR4: 4, BAR5: 5, ROM: 6, CONFIG: 7, VGA: 8 } as const;
export const VFIO_PCI_NUM_REGIONS = 9;

/** Interrupt indices of a PCI device. */
export const VFIO_PCI_IRQ = { INTX: 0, MSI: 1, MSIX: 2, ERR: 3, REQ: 4 } as const;
export const VFIO_PCI_NUM_IRQS = 5;

export const VFIO_DEVICE_FLAGS = {
  RESET: 1 << 0, PCI: 1 << 1, PLATFORM: 1 << 2, AMBA: 1 << 3, CCW: 1 << 4, AP: 1 << 5, FSL_MC: 1 << 6, CAPS: 1 << 7,
} as const;
export const VFIO_REGION_INFO_FLAG = { READ: 1 << 0, WRITE: 1 << 1, MMAP: 1 << 2, CAPS: 1 << 3 } as const;
export const VFIO_REGION_INFO_CAP = { SPARSE_MMAP: 1, TYPE: 2, MSIX_MAPPABLE: 3 } as const;
export const VFIO_IRQ_INFO = { EVENTFD: 1 << 0, MASKABLE: 1 << 1, AUTOMASKED: 1 << 2, NORESIZE: 1 << 3 } as const;

export const VFIO_IRQ_SET = {
  DATA_NONE: 1 << 0,
  DATA_BOOL: 1 << 1,
  DATA_EVENTFD: 1 << 2,
  ACTION_MASK: 1 << 3,
  ACTION_UNMASK: 1 << 4,
  ACTION_TRIGGER: 1 << 5,
} as const;

/** sizeof(struct vfio_irq_set) without its data. */
export const IRQ_SET_HEADER_SIZE = 20;

/** What the structures of GET_INFO, GET_REGION_INFO and GET_IRQ_INFO have at least (minsz), in bytes. */
export const DEVICE_INFO_SIZE = 16;
export const REGION_INFO_SIZE = 32;
export const IRQ_INFO_SIZE = 16;

const REGION_SHIFT = 40n;

/** Where region `index` starts in the device's file. */
export function regionOffset(index: number): bigint {
  return BigInt(index) << REGION_SHIFT;
}

/** The region, and the bytes from its start, that an offset of the device's file is in (VFIO_PCI_OFFSET_TO_INDEX). */
export function regionAt(fileOffset: bigint): { readonly index: number; readonly offset: number } {
  const index = fileOffset >> REGION_SHIFT;
  return { index: Number(index), offset: Number(fileOffset - (index << REGION_SHIFT)) };
}
