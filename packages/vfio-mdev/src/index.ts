export type { Mdev, MdevProbeErrno, MdevType, MdevTypeAttributes } from './mdev-type.ts';
export type { MdevPorts } from './mdev.ts';
export { MdevParent } from './mdev.ts';
export type { TriggerErrno } from './trigger.ts';
export { TriggerHelper } from './trigger.ts';
export type { InterruptSource, VectorBacking, VectorOptions } from './vector-interrupts.ts';
