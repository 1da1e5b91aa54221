export type { DeviceInfo, DmaMapping, IrqInfo, MappedWindow, RegionInfo, SetIrqsErrno, SparseArea, VfioDevice } from './device.ts';
export type { BindErrno, GuestPasids } from './guest-pasids.ts';
export type { IrqAction, IrqSet, IrqSetData, IrqSetHeader } from './irq-set.ts';
export { irqAction, isDisable, validateIrqSet } from './irq-set.ts';
export * from './uapi.ts';
export { tracedDevice } from './traced-device.ts';
export type { DmaSpace, PciBackend, PciRegion } from './pci-device.ts';
export { pciVfioDevice, registerRegion } from './pci-device.ts';
