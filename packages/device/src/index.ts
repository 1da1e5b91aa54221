export type { DeviceKey, DeviceOptions } from './device.ts';
export { Device, deviceKey } from './device.ts';
export type { IommuRecord, IommuRecordWriter } from './iommu-record.ts';
export type { PasidBacking, PasidWitness } from './pasid-witness.ts';
export { Submitters } from './submitters.ts';
export type { PciResources, SubmitPort } from './pci.ts';
export { PciDevice } from './pci.ts';
export type { DeclaredRegister } from './registers.ts';
export { readRegister, writeRegister } from './registers.ts';
