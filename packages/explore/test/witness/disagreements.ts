// What a report says otherwise than the witness does, and what its counterexamples show on the real code.
import { DEADLOCK, LIVELOCK, NO_THROW } from '../../src/model.ts';
import type { Model, Predicate, Property } from '../../src/model.ts';
import type { Counterexample, Report } from '../../src/report.ts';
import type { Answer } from './enumerate.ts';
import { Run } from './run.ts';

/** Sentences; none if all is well. Polling in vain is a matter of what counts as polling: enumeration has no answer to it. */
export function disagreements(model: Model, answers: ReadonlyMap<string, Answer>, { verdicts: all, coverage }: Report): string[] {
  const verdicts = all.filter(({ property }) => property !== LIVELOCK || answers.has(LIVELOCK));
  const found = verdicts.flatMap(({ property, outcome, counterexample }): string[] => {
    const expected = answers.get(property);
    if (expected === undefined) return [`${property} is ${outcome}, and the model has no such property`];
    if (outcome !== expected.outcome) return [`${property} is ${outcome}, not ${expected.outcome}: ${scheduleText(counterexample)}`];
    if (outcome !== 'refuted') return counterexample === null ? [] : [`${property} is ${outcome}, with a counterexample`];
    if (counterexample === null) return [`${property} is refuted without a counterexample`];
    return [...wrongLength(counterexample, expected), ...notShown(model, counterexample)].map((sentence) => `${property}: ${sentence}`);
  });
  const missing = [...answers.keys()].filter((name) => !verdicts.some(({ property }) => property === name));
  // Once everything is refuted there is no reason to go on.
  if (!coverage.complete && verdicts.some(({ outcome }) => outcome !== 'refuted')) found.push('not everything was covered');
  return [...found, ...missing.map((name) => `nothing is said about ${name}`)];
}

const scheduleText = (counterexample: Counterexample | null): string =>
  counterexample === null ? 'there is a counterexample' : namesText(counterexample.steps.map(({ agent }) => agent));

/** Those at the end say more. */
function namesText(agents: readonly string[]): string {
  return agents.length <= 30 ? agents.join(', ') : `${agents.length - 30} steps, ${agents.slice(-30).join(', ')}`;
}

/** Only of what ends where it is broken it is known how short it can be. */
function wrongLength({ steps, shortest }: Counterexample, expected: Answer): string[] {
  if (expected.shortest === undefined) return [];
  if (steps.length < expected.shortest) return [`${steps.length} steps, although ${expected.shortest} are needed`];
  const tooLong = shortest && steps.length > expected.shortest;
  return tooLong ? [`${steps.length} steps are said to be the shortest, and ${expected.shortest} are enough`] : [];
}

/** Follows the schedule; one that goes round, once more. */
function notShown(model: Model, { property: name, steps, loop }: Counterexample): string[] {
  const schedule = steps.map(({ agent }) => agent);
  const run = new Run(model);
  const property = run.properties.find((each) => each.name === name);
  const seen = [truths(run, property)];
  for (const agent of loop === null ? schedule : [...schedule, ...schedule.slice(loop)]) {
    if (!run.enabled().includes(agent)) return [`${agent} cannot go on there: ${namesText(schedule)}`];
    run.step(agent);
    seen.push(truths(run, property));
  }
  const resting = comesToRest(model, schedule);
  const shown = shows(run, name, property, { seen, resting, endless: loop !== null });
  return shown ? [] : [`its end does not show that it is broken: ${namesText(schedule)}`];
}

/** Nobody can leave its end: who can go on looks again, perhaps for the first time there, or writes what nobody reads. */
function comesToRest(model: Model, schedule: readonly string[]): boolean {
  const longer = [...schedule];
  for (let round = 0; round < 3; round++) {
    const run = new Run(model, longer);
    const looking = run.enabled();
    if (looking.every((agent) => new Run(model, [...longer, agent]).text() === run.text())) return true;
    longer.push(...looking);
  }
  return false;
}

interface Followed {
  /** What the predicates said before the first step and after each. */
  readonly seen: readonly (readonly boolean[])[];
  readonly resting: boolean;
  /** It goes round. */
  readonly endless: boolean;
}

function shows(run: Run, name: string, property: Property | undefined, { seen, resting, endless }: Followed): boolean {
  const last = seen.at(-1) ?? [];
  if (name === DEADLOCK) return resting && run.unfinished();
  if (name === NO_THROW) return run.thrown.length > 0;
  if (property === undefined) return false;
  if (property.kind === 'always') return last[0] === false;
  if (property.kind === 'rest') return resting && last[0] === false;
  if (property.kind !== 'responds') return (endless || resting) && seen.every(([holds]) => holds === false);
  const asked = seen.findIndex(([when], index) => when === true && seen.slice(index).every((truths) => truths[1] === false));
  if (asked < 0) return false;
  return endless || resting || (property.within !== undefined && seen.length - 1 - asked >= property.within);
}

function truths(run: Run, property: Property | undefined): boolean[] {
  if (property === undefined) return [];
  const predicates: Predicate[] = property.kind === 'responds' ? [property.when, property.then] : [property.holds];
  return predicates.map((predicate) => run.look(predicate) === true);
}
