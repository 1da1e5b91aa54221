// For tests of packages built on this one: a state port that sees everything and can run out of anything, and sweeps that
// make every call fail wherever it can.
export type { Growth, StateSnapshot } from './observed-state.ts';
export { ObservedState } from './observed-state.ts';
export type { SweepOptions, SweepReport, SweptCall, SweptMachine } from './failure-sweep.ts';
export { takes, takesNothing } from './failure-sweep.ts';
export type { AskedInSource } from './resource-scan.ts';
export { askedIn, resourcesAskedIn } from './resource-scan.ts';
export type { GrowthRule, SweepTable } from './sweep-table.ts';
export { SweepRun } from './sweep-table.ts';
