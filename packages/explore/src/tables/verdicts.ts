// What was found, as a report; every counterexample is replayed on the real code first.
import { DEADLOCK, NO_THROW } from '../model.ts';
import type { Model } from '../model.ts';
import type { Counterexample, Coverage, PropertyVerdict, Report } from '../report.ts';
import { counterexampleOf } from '../run/replay.ts';
import type { Lasso } from './liveness/lasso.ts';
import { replayLasso } from './liveness/replay-lasso.ts';
import type { Found, Prepared } from './prepare.ts';
import type { Finding } from './search/breadth-first.ts';
import type { Clock } from './search/clock.ts';
import { scheduleTo } from './search/schedule.ts';

export interface Checked extends Prepared, Found {
  readonly lassos: ReadonlyMap<string, Lasso>;
  readonly leftOver: Coverage['leftOver'];
}

export function reportOf(model: Model, checked: Checked, clock: Clock): Report {
  const { judge, searched, lassos, leftOver } = checked;
  const names = [DEADLOCK, NO_THROW, ...judge.properties.map(({ name }) => name)];
  const verdicts = names.map((property): PropertyVerdict => {
    const [finding, lasso] = [searched.findings.get(property), lassos.get(property)];
    if (finding !== undefined) return { property, outcome: 'refuted', counterexample: counterexample(model, finding, checked) };
    if (lasso !== undefined) return { property, outcome: 'refuted', counterexample: endless(model, property, lasso, checked) };
    return { property, outcome: leftOver === null ? 'proved' : 'not refuted', counterexample: null };
  });
  return { model: model.name, verdicts, coverage: coverageOf(checked, clock) };
}

function coverageOf({ learned, searched, leftOver, reduction }: Checked, clock: Clock): Coverage {
  return {
    engine: 'tables',
    states: searched.table.count,
    transitions: searched.transitions,
    learned: learned.steps,
    schedules: 0,
    depth: searched.levels.length - 1,
    reduction,
    merging: 'exact',
    complete: leftOver === null,
    leftOver,
    seconds: clock.seconds,
    memory: clock.memory,
    seed: null,
  };
}

function counterexample(model: Model, finding: Finding, checked: Checked): Counterexample {
  const shorter = checked.shortest?.findings.get(finding.property);
  const { property, state, slot } = shorter ?? finding;
  const searched = shorter === undefined || checked.shortest === null ? checked.searched : checked.shortest;
  const slots = [...scheduleTo(state, checked.tables, searched.table, searched.levels), ...(slot === null ? [] : [slot])];
  const shortest = shorter !== undefined || checked.reduction === 'none';
  return counterexampleOf(model, { property, violation: `${property} does not hold`, schedule: agents(slots, checked), shortest });
}

function endless(model: Model, name: string, { owed, stem, loop }: Lasso, checked: Checked): Counterexample {
  const property = checked.judge.properties.find((each) => each.name === name);
  if (property === undefined) throw new Error(`${name} is no property`);
  const before = scheduleTo(owed, checked.tables, checked.searched.table, checked.searched.levels);
  return replayLasso(model, property, { before: agents(before, checked), stem: agents(stem, checked), loop: agents(loop, checked) });
}

function agents(slots: readonly number[], { tables }: Checked): string[] {
  return slots.map((slot) => tables.layout.slots[slot]?.name ?? '');
}
