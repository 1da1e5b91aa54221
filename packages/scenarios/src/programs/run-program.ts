// Runs a program on a machine of its own, and looks after every operation whether the invariants hold.
import { must, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { cpuUp } from '@siov/irq';
import { hostCounters } from '../host.ts';
import { checkInvariants } from '../invariants/index.ts';
import type { Subject, Violation } from '../invariants/index.ts';
import { differences } from '../invariants/i04-failed-call.ts';
import type { Picture } from '../invariants/state-picture.ts';
import { giveUpHostUses } from './do-devices.ts';
import { ProgramMachine } from './machine.ts';
import { CPUS, FUNCTION, SEATS } from './operation.ts';
import type { Operation, Program } from './operation.ts';
import type { Outcome } from './outcome.ts';
import { perform } from './perform.ts';
import { printOperation } from './print-program.ts';
import { TABLES } from './tables.ts';
import type { Tables } from './tables.ts';

export interface RunOptions {
  readonly tables?: Tables | undefined;
  /** The invariants that are true between steps are also looked at there; else after each operation only. */
  readonly between?: boolean;
  /** Before the first operation: to break a rule and see that somebody notices. */
  readonly sabotage?: (machine: ProgramMachine) => void;
}

export interface ProgramRun {
  /** Of the operations that were run: up to the one after which an invariant did not hold. */
  readonly outcomes: readonly Outcome[];
  /** What did not hold then, and at last what was left when everything was given back. Empty when all is well. */
  readonly violations: readonly Violation[];
}

/** Stops at the first violation. Throws nothing: a mistake of a programmer that a program finds is one too. */
export function runProgram(program: Program, { tables = TABLES[0], between = false, sabotage }: RunOptions = {}): ProgramRun {
  const outcomes: Outcome[] = [];
  const seen: Violation[] = [];
  if (tables === undefined) throw new RangeError('no tables');
  const machine = new ProgramMachine({ tables, between: between ? (subject) => look(seen, subject) : () => {} });
  sabotage?.(machine);
  for (const operation of program) {
    const step = run(machine, operation, seen);
    if (step.outcome !== null) outcomes.push(step.outcome);
    if (step.violations.length > 0) return { outcomes, violations: step.violations };
  }
  return { outcomes, violations: left(machine) };
}

/** What is found between two steps is told once: the state that breaks a rule is seen at many of them. */
function look(seen: Violation[], subject: Subject): void {
  if (seen.length === 0) seen.push(...checkInvariants(subject, 'between'));
}

function run(machine: ProgramMachine, operation: Operation, seen: Violation[]): { readonly outcome: Outcome | null; readonly violations: readonly Violation[] } {
  try {
    const outcome = perform(machine, operation);
    const turns = 'turns' in operation ? operation.turns : undefined;
    machine.atRest = turns === undefined;
    if (turns !== undefined) {
      letOthersRun(machine, turns);
      return { outcome, violations: [...seen, ...checkInvariants(machine.subject, 'between')] };
    }
    machine.host.executor.settle();
    return { outcome, violations: [...seen, ...machine.unclean, ...twice(machine, operation), ...checkInvariants(machine.subject)] };
  } catch (error) {
    return { outcome: null, violations: [...seen, `${printOperation(operation)} throws ${error instanceof Error ? error.message : String(error)}`] };
  }
}

/** Every agent has so many turns: one that comes last counts them. */
function letOthersRun(machine: ProgramMachine, turns: number): void {
  const counter = { left: turns };
  function* count(): Steps<void> {
    while (counter.left > 0) {
      counter.left -= 1;
      yield { kind: 'poll', what: 'its next turn' };
    }
  }
  machine.host.executor.spawn({ name: 'turns', layer: 'scenarios' }, count());
  machine.run(waitUntil(`${turns} turns to be over`, () => counter.left === 0));
}

/** I8: the second of two disables changes nothing. */
function twice(machine: ProgramMachine, operation: Operation): Violation[] {
  if (operation.op !== 'disarmAll') return [];
  const before: Picture = machine.state.picture();
  perform(machine, operation);
  return differences(before, 'disabling all vectors again').map((each) => each.replace(/^I4/, 'I8'));
}

/** What is left when everything was given back. */
function left(machine: ProgramMachine): Violation[] {
  try {
    giveBack(machine);
    machine.host.executor.settle();
  } catch (error) {
    return [`giving everything back throws ${error instanceof Error ? error.message : String(error)}`];
  }
  const { bare } = machine;
  const after = hostCounters(machine.host);
  const differ = Object.keys(bare).filter((key) => bare[key] !== after[key]).map((key) => `${key} ${after[key]} instead of ${bare[key]}`);
  return [...machine.unclean, ...checkInvariants(machine.subject), ...(differ.length === 0 ? [] : [`after everything was given back there are ${differ.join(', ')}`])];
}

function giveBack(machine: ProgramMachine): void {
  for (let cpu = 0; cpu < CPUS; cpu++) must(machine.run(cpuUp(machine.host.core, cpu)), `CPU ${cpu}`);
  giveUpHostUses(machine, FUNCTION);
  for (let seat = 0; seat < SEATS; seat++) perform(machine, { op: 'remove', device: seat });
  for (const { pasid } of machine.set.list()) must(machine.set.free(pasid), `freeing PASID ${pasid}`);
  if (!machine.host.device.iommu.valid) perform(machine, { op: 'attach', device: FUNCTION });
}
