export type { DeviceInfo, DmaMapping, IrqInfo, RegionInfo, VfioDevice } from './device.ts';
export type { IrqAction, IrqSet, IrqSetData, IrqSetHeader } from './irq-set.ts';
export { irqAction, isDisable, validateIrqSet } from './irq-set.ts';
export * from './uapi.ts';
