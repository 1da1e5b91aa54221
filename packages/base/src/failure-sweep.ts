// Every failure is clean: a call is made on fresh machines, each time refused another of the resources it asks for. A
// refused call has to fail, to leave everything as it was, and to succeed when it is made again.
import type { Result } from './errno.ts';
import { describeFailure } from './errno.ts';
import { copy, equal, ObservedState } from './observed-state.ts';
import type { Growth } from './observed-state.ts';
import { isSteps } from './steps.ts';
import type { MaybeSteps, Steps } from './steps.ts';
import { digestOf } from './state-digest.ts';

export interface SweptMachine {
  run<T>(steps: Steps<T>): T;
  /** What is not in the state port and is to be as before all the same: registers of the hardware, agents. Plain data. */
  outside?(): unknown;
}

export interface SweepOptions {
  /** Where the machine has no more it does with less, or with another: it has to fail only when there is none either. */
  readonly doesWithLess?: boolean;
  /** Why the call succeeds whatever it does not get. */
  readonly neverFails?: string;
  /** Pieces that a failure may change, and why. */
  readonly leaves?: readonly [pieces: RegExp, because: string];
}

/** What a sweep saw. */
export interface SweepReport {
  /** What the call asks for, in its order: each was refused once. Empty for a call that takes nothing. */
  readonly requests: readonly string[];
  /** What else was asked for, making the machines included. */
  readonly asked: ReadonlySet<string>;
  /** What the successful call made, or made larger. */
  readonly growth: readonly Growth[];
  readonly result: unknown;
}

/** One row of a package's table of calls. */
export type SweptCall = (name: string) => SweepReport;

/** A call that takes resources. Throws, naming call, request and piece of state, for a failure that is not clean. */
export function takes<M extends SweptMachine>(
  make: (state: ObservedState) => M,
  call: (machine: M) => MaybeSteps<Result<unknown>>,
  options: SweepOptions = {},
): SweptCall {
  return (name) => {
    const reports = [false, true].map((interleaved) => {
      const fresh = prepare(make, interleaved);
      const report = succeed(name, fresh, call);
      const expected = digestOf(fresh.state.current());
      for (const forGood of [false, true]) {
        for (let nth = 1; nth <= report.requests.length; nth++) {
          const machine = prepare(make, interleaved);
          const how = `${name}${interleaved ? ', interleaved' : ''}: request ${nth} (${report.requests[nth - 1]}) refused${forGood ? ' for good' : ''}`;
          if (!fails(how, machine, call, nth, forGood, options)) continue;
          const again = succeed(`${how}, then made again`, machine, call);
          const difference = firstDifference(expected, digestOf(machine.state.current()), options.leaves?.[0]);
          if (difference !== null) throw new Error(`${how}, then made again: ${difference} is not as after a call that never failed`);
          // Less, where something made on the way is kept for the next one.
          if (again.requests.length > report.requests.length) throw new Error(`${how}, then made again: asks for ${again.requests.join(', ')}`);
        }
      }
      return report;
    });
    return merged(name, reports);
  };
}

/** A call that asks for nothing, and why it need not. `call` shows it; absent where calling shows nothing. */
export function takesNothing<M extends SweptMachine>(because: string, make?: (state: ObservedState) => M, call?: (machine: M) => unknown): SweptCall {
  return (name) => {
    if (make === undefined || call === undefined) return { requests: [], asked: new Set(), growth: [], result: undefined };
    const reports = [false, true].map((interleaved) => {
      const { machine, state } = prepare(make, interleaved);
      const before = state.snapshot();
      state.refuse(1, { forGood: true });
      const result = finish(machine, call(machine));
      if (state.requests.length > 0) throw new Error(`${name} takes nothing, because ${because}: but it asks for ${state.requests.join(', ')}`);
      if (isFailure(result)) throw new Error(`${name}: ${describeFailure(result)}`);
      return { requests: [], asked: state.asked, growth: state.growth(before), result };
    });
    return merged(name, reports);
  };
}

interface Prepared<M> {
  readonly state: ObservedState;
  readonly machine: M;
}

function prepare<M>(make: (state: ObservedState) => M, interleaved: boolean): Prepared<M> {
  const state = new ObservedState({ interleaved });
  return { state, machine: make(state) };
}

function succeed<M extends SweptMachine>(how: string, { state, machine }: Prepared<M>, call: (machine: M) => MaybeSteps<Result<unknown>>): SweepReport {
  const before = state.snapshot();
  state.refuse(0);
  const result = finish(machine, call(machine));
  if (isFailure(result)) throw new Error(`${how}: ${describeFailure(result)}`);
  return { requests: state.requests, asked: state.asked, growth: state.growth(before), result };
}

/** False: the call did with less. */
function fails<M extends SweptMachine>(
  how: string,
  { state, machine }: Prepared<M>,
  call: (machine: M) => MaybeSteps<Result<unknown>>,
  nth: number,
  forGood: boolean,
  { doesWithLess = false, neverFails, leaves }: SweepOptions,
): boolean {
  const before = state.snapshot();
  const outside = copy(machine.outside?.());
  state.refuse(nth, { forGood });
  let result: Result<unknown>;
  try {
    result = finish(machine, call(machine));
  } catch (error) {
    throw new Error(`${how}: the call throws`, { cause: error });
  }
  if (result.ok) {
    if (neverFails !== undefined || (doesWithLess && !forGood)) return false;
    throw new Error(`${how}: the call succeeds all the same`);
  }
  const changed = state.changes(before).filter((piece) => leaves?.[0].test(piece) !== true);
  if (!equal(outside, copy(machine.outside?.()))) changed.push('what is outside the state port');
  if (changed.length > 0) throw new Error(`${how} (${describeFailure(result)}): ${changed.join(', ')} changed`);
  return true;
}

function finish<T>(machine: SweptMachine, result: MaybeSteps<T>): T {
  return isSteps(result) ? machine.run(result) : result;
}

function isFailure(result: unknown): result is Extract<Result<unknown>, { ok: false }> {
  return typeof result === 'object' && result !== null && 'ok' in result && result.ok === false;
}

/** Where nobody comes between and where others run at every point: what a call takes is the same. */
function merged(name: string, reports: readonly SweepReport[]): SweepReport {
  const [atOnce, interleaved] = reports;
  if (atOnce === undefined || interleaved === undefined) throw new Error(`${name}: not swept`);
  if (!equal(atOnce.requests, interleaved.requests)) {
    throw new Error(`${name} asks at once for ${atOnce.requests.join(', ')}, step by step for ${interleaved.requests.join(', ')}`);
  }
  return { ...atOnce, asked: new Set([...atOnce.asked, ...interleaved.asked]) };
}

function firstDifference(expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>, but?: RegExp): string | null {
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    if (but?.test(name) === true) continue;
    if (expected.get(name) !== found.get(name)) return `${name} (${found.get(name)}, not ${expected.get(name)})`;
  }
  return null;
}
