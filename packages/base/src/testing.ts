// For tests of packages built on this one: a state port that sees everything, and can run out of anything.
export type { StateSnapshot } from './observed-state.ts';
export { ObservedState } from './observed-state.ts';
