export type { Mdev, MdevPorts, MdevProbeErrno, MdevType } from './mdev.ts';
export { MdevParent } from './mdev.ts';
export type { TriggerErrno } from './trigger.ts';
export type { InterruptSource, VectorBacking, VectorOptions } from './vector-interrupts.ts';
export { TriggerHelper } from './trigger.ts';
