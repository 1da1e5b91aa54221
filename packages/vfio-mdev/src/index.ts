export type { Mdev, MdevPorts, MdevProbeErrno, MdevType } from './mdev.ts';
export { MdevParent } from './mdev.ts';
export type { InterruptSource, TriggerErrno, VectorBacking } from './trigger.ts';
export { TriggerHelper } from './trigger.ts';
