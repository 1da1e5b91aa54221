// Programs of operations on a machine with little of everything: run, checked against the invariants, printed.
export type { Identity, Interrupt, Operation, OperationKind, Program, Seat } from './operation.ts';
export { CPUS, FUNCTION, INDICES, MMS, OPERATION_KINDS, QUEUES, SEATS } from './operation.ts';
export type { Outcome } from './outcome.ts';
export { ProgramMachine } from './machine.ts';
export { perform } from './perform.ts';
export { minimise } from './minimise.ts';
export { printOperation, printProgram } from './print-program.ts';
export type { ProgramRun, RunOptions } from './run-program.ts';
export { runProgram } from './run-program.ts';
export type { Tables } from './tables.ts';
export { RUN_OUT, TABLES } from './tables.ts';
