export type { ImsArray } from './array-chip.ts';
export { ImsArrayChip } from './array-chip.ts';
export type { ImsDomainOptions } from './ims-domain.ts';
export { createImsDomain } from './ims-domain.ts';
