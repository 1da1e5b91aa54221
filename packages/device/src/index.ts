export type { DeviceKey, DeviceOptions, IommuRecord, IommuRecordWriter } from './device.ts';
export { Device, deviceKey } from './device.ts';
export type { PciResources, SubmitPort } from './pci.ts';
export { PciDevice } from './pci.ts';
export type { DeclaredRegister } from './registers.ts';
export { readRegister, writeRegister } from './registers.ts';
