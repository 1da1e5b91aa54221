// A run without a goal on the real code, which has to owe it and must not come to it.
import { ModelError } from '@siov/base';
import type { Model, Property } from '../../model.ts';
import type { Counterexample } from '../../report.ts';
import { Run } from '../../run/run.ts';

export interface LassoSchedule {
  /** Agents that step until the goal is owed, then until the loop, then in it. */
  readonly before: readonly string[];
  readonly stem: readonly string[];
  readonly loop: readonly string[];
}

export function replayLasso(model: Model, property: Property, { before, stem, loop }: LassoSchedule): Counterexample {
  const run = new Run(model);
  const own = run.properties.find(({ name }) => name === property.name);
  const goal = own?.kind === 'responds' ? own.then : own?.kind === 'eventually' ? own.holds : null;
  if (goal === null) throw new ModelError(`${model.name} has no property ${property.name} every time it is made`);
  const wrong = (why: string) => new ModelError(`the explorer is wrong: ${property.name} of ${model.name}: ${why}`);
  const steps = before.map((agent) => run.step(agent));
  if (own?.kind === 'responds' && run.violation(property.name, own.when) !== null) throw wrong('nothing is owed where it should be');
  for (const agent of [...stem, ...loop]) {
    if (run.violation(property.name, goal) === null) throw wrong('the goal is met on the run that avoids it');
    steps.push(run.step(agent));
  }
  if (run.violation(property.name, goal) === null) throw wrong('the goal is met on the run that avoids it');
  const first = loop.length === 0 ? null : before.length + stem.length;
  return { model: model.name, property: property.name, violation: sentence(property, stem.length, first), steps, loop: first, shortest: false, waiting: run.waiting() };
}

function sentence(property: Property, stem: number, loop: number | null): string {
  if (property.kind === 'responds' && property.within !== undefined && stem >= property.within) return `not answered within ${property.within} steps`;
  const owed = property.kind === 'responds' ? 'answered' : 'so';
  return loop === null ? `the run ends before it is ${owed}` : `from step ${loop + 1} on the run goes round for ever and it is never ${owed}`;
}
