export type { HostDriverPorts } from './host-driver.ts';
export { DEFAULT_QUEUE, HostDriver, MDEV_TYPE } from './host-driver.ts';
export type { Capabilities, ProbeErrno } from './physical-function.ts';
export { PhysicalFunction } from './physical-function.ts';
export { VirtualDevice } from './virtual-device.ts';
export { VIRTUAL_VECTORS, virtualProfile } from './virtual-profile.ts';
export type { WorkQueueConfig } from './work-queue.ts';
export { WorkQueue } from './work-queue.ts';
