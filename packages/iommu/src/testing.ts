// For tests of anything that gives out PASIDs: what each such allocator has to keep, whatever runs the tests.
export type { PasidAllocatorRig } from './pasid-allocator-contract.ts';
export { pasidAllocatorContract } from './pasid-allocator-contract.ts';
