export type { Mdev, MdevPorts, MdevType } from './mdev.ts';
export { MdevParent } from './mdev.ts';
export type { TriggerErrno, VectorBacking } from './trigger.ts';
export { TriggerHelper } from './trigger.ts';
