// A recorded schedule on the real code once more, step by step, up to its end or to where reality is another one.
import { ModelError } from '@siov/base';
import type { Model } from './model.ts';
import type { CellValue, Counterexample, ScheduleStep } from './report.ts';
import { violationNow } from './run/replay.ts';
import { Run } from './run/run.ts';

export interface Replayed {
  /** What is broken at the end; null: nothing, or it did not come to its end. */
  readonly violation: string | null;
  /** The first step that was not as recorded, and in what; null: all were. */
  readonly diverged: { readonly step: number; readonly why: string } | null;
  readonly steps: readonly ScheduleStep[];
}

/** `onStep` is called before each step with its number from 0 on: where a debugger stops. */
export function replay(model: Model, recorded: Counterexample, onStep: (step: number, run: Run) => void = () => {}): Replayed {
  const run = new Run(model);
  const steps: ScheduleStep[] = [];
  for (const [number, expected] of recorded.steps.entries()) {
    onStep(number, run);
    const taken = tryStep(run, expected.agent);
    if (typeof taken === 'string') return { violation: null, diverged: { step: number, why: taken }, steps };
    steps.push(taken);
    const why = differenceOf(expected, taken);
    if (why !== null) return { violation: null, diverged: { step: number, why }, steps };
  }
  return { violation: violationNow(run, recorded.property, steps.at(-1)), diverged: null, steps };
}

/** A text: why there is no such step. */
function tryStep(run: Run, agent: string): ScheduleStep | string {
  try {
    return run.step(agent);
  } catch (error) {
    if (error instanceof ModelError) return error.message;
    throw error;
  }
}

function differenceOf(expected: ScheduleStep, taken: ScheduleStep): string | null {
  if (taken.kind !== expected.kind || taken.what !== expected.what) return `${taken.agent} is at ${taken.kind} ${taken.what}, and was at ${expected.kind} ${expected.what}`;
  for (const { cell, value } of expected.reads) {
    const now = taken.reads.find((each) => each.cell === cell);
    if (now === undefined) return `${cell} is not read, and was`;
    if (!same(now.value, value)) return `${cell} is ${text(now.value)}, and was ${text(value)}`;
  }
  for (const { cell, after } of expected.writes) {
    const now = taken.writes.find((each) => each.cell === cell);
    if (now === undefined) return `${cell} is not written, and was`;
    if (!same(now.after, after)) return `${cell} becomes ${text(now.after)}, and became ${text(after)}`;
  }
  if (taken.threw !== expected.threw) return `it throws ${taken.threw ?? 'nothing'}, and threw ${expected.threw ?? 'nothing'}`;
  return null;
}

function same(one: CellValue, other: CellValue): boolean {
  return Object.is(one, other) || text(one) === text(other);
}

function text(value: CellValue): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}
