export { realNow } from './clock.ts';
export type { Host, HostOptions } from './host.ts';
export { buildHost, DSA_REQUESTER_ID, hostCounters } from './host.ts';
export type { MediatedDevice } from './mediated.ts';
export { mediatedDevice } from './mediated.ts';
export type { PhysicalDevice } from './physical.ts';
export { physicalDevice } from './physical.ts';
export { combineWrites } from './write-combining.ts';
