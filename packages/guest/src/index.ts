export { GuestFunction } from './function.ts';
export type { GuestProbeErrno } from './guest-driver.ts';
export { GuestDriver } from './guest-driver.ts';
export type { GuestQueueOptions } from './work-queue.ts';
export { GuestWorkQueue } from './work-queue.ts';
