// A schedule on the real code: what a counterexample is shown from, never from what was searched.
import { ModelError } from '@siov/base';
import { DEADLOCK, LIVELOCK, NO_THROW } from '../model.ts';
import type { Model } from '../model.ts';
import type { Counterexample, ScheduleStep } from '../report.ts';
import { Run } from './run.ts';

export interface Claim {
  readonly property: string;
  readonly violation: string;
  /** Who takes each step. */
  readonly schedule: readonly string[];
  readonly loop?: number | null;
  readonly shortest: boolean;
}

/** Replays what was found. Throws ModelError where the real code does not end as claimed: then the explorer is wrong. */
export function counterexampleOf(model: Model, { property, violation, schedule, loop = null, shortest }: Claim): Counterexample {
  const run = new Run(model);
  const steps = schedule.map((agent) => run.step(agent));
  const now = violationNow(run, property, steps.at(-1));
  if (loop === null && now === null) throw new ModelError(`the explorer is wrong: ${property} of ${model.name} holds at the end of the schedule that breaks it`);
  // Who waits matters where nobody moves any more.
  const waiting = run.enabled().length === 0 ? run.waiting() : [];
  return { model: model.name, property, violation: now ?? violation, steps, loop, shortest, waiting };
}

/** What `property` says is broken after `last`; null: nothing. */
export function violationNow(run: Run, property: string, last: ScheduleStep | undefined): string | null {
  if (property === NO_THROW) return last?.threw === undefined ? null : `${last.agent}: ${last.threw}`;
  if (property === DEADLOCK || property === LIVELOCK) return stuck(run);
  const found = run.properties.find(({ name }) => name === property);
  if (found === undefined) throw new ModelError(`the model has no property ${property}`);
  return found.kind === 'responds' ? null : run.violation(property, found.holds);
}

function stuck(run: Run): string | null {
  const waiting = run.waiting();
  // Who can still move, yet was found to be stuck, looks at the same again and again.
  const looking = run.enabled().map((agent) => ({ agent, for: run.point(agent).what }));
  const all = [...waiting, ...looking];
  return all.length === 0 ? null : `nobody can make progress: ${all.map(({ agent, for: what }) => `${agent} waits for ${what}`).join('; ')}`;
}
