// From a schedule that breaks a property to one that a person can read: nothing in it that does not matter, no agent
// interrupted without need, and no schedule with fewer steps unless that takes too long to find out.
import { ENDED } from '../run/knowledge.ts';
import type { Outcome } from '../run/knowledge.ts';
import type { AbstractState } from './abstract-state.ts';
import { FingerprintSet } from './fingerprints.ts';
import type { Guide } from './guide.ts';

export interface Shortening {
  readonly guide: Guide;
  /** A state at the start, a new one each time. */
  start(): AbstractState;
  /** Whether `path`, which leads to `state`, ends where the property is broken; `last` is its last step. */
  broken(state: AbstractState, path: readonly number[], last: Outcome | null): boolean;
  /** Cells whose values at the end break it; null: all steps count, as nobody may be able to move. */
  readonly cells: () => ReadonlySet<number> | null;
  /** Milliseconds that looking for a shorter one may take. */
  readonly budget: number;
  /** States that it may look at. */
  readonly states: number;
}

export interface Shortened {
  readonly path: readonly number[];
  /** No schedule has fewer steps. */
  readonly shortest: boolean;
}

export function shorten(task: Shortening, path: readonly number[]): Shortened {
  const sliced = slice(task, path);
  const { path: best, shortest } = fewest(task, sliced);
  return { path: together(task, best), shortest };
}

/** The outcomes along a path; null where it can't be gone that way. */
function follow({ guide, start, broken }: Shortening, path: readonly number[]): readonly Outcome[] | null {
  const state = start();
  const outcomes: Outcome[] = [];
  for (let step = 0; step < path.length; step++) {
    const agent = path[step] as number;
    if (state.local(agent) === ENDED) return null;
    const outcome = guide.outcome(state, path.slice(0, step), agent);
    if (outcome.blocked || (outcome.threw !== null && step < path.length - 1)) return null;
    outcomes.push(outcome);
    if (outcome.threw === null) state.take(agent, outcome);
  }
  return broken(state, path, outcomes.at(-1) ?? null) ? outcomes : null;
}

/** Without the steps that what breaks the property does not come from. */
function slice(task: Shortening, path: readonly number[]): readonly number[] {
  const cells = task.cells();
  const outcomes = cells === null ? null : follow(task, path);
  if (cells === null || outcomes === null) return path;
  const needed = new Set<number>();
  for (const cell of cells) {
    const writer = outcomes.findLastIndex(({ writes }) => writes.includes(cell));
    if (writer >= 0) needed.add(writer);
  }
  needed.add(path.length - 1);
  for (let step = path.length - 1; step >= 0; step--) {
    if (needed.has(step)) for (const before of causes(path, outcomes, step)) needed.add(before);
  }
  const kept = path.filter((_, step) => needed.has(step));
  return kept.length < path.length && follow(task, kept) !== null ? kept : path;
}

/** Steps before `step` that it would not be the same without: its agent's last, who wrote last what it reads, who spawned it. */
function causes(path: readonly number[], outcomes: readonly Outcome[], step: number): number[] {
  const agent = path[step] as number;
  const found: number[] = [];
  const own = path.lastIndexOf(agent, step - 1);
  if (step > 0 && own >= 0) found.push(own);
  for (const cell of (outcomes[step] as Outcome).reads) {
    for (let before = step - 1; before >= 0; before--) {
      if (!(outcomes[before] as Outcome).writes.includes(cell)) continue;
      found.push(before);
      break;
    }
  }
  const spawner = outcomes.findLastIndex(({ spawned }, before) => before < step && spawned.some((each) => each.agent === agent));
  if (spawner >= 0) found.push(spawner);
  return found;
}

/** Depth first through all schedules that are shorter, each time to one step less than the best so far. */
function fewest({ guide, start, broken, budget, states }: Shortening, path: readonly number[]): Shortened {
  const state = start();
  const seen = new FingerprintSet();
  /** By number of a state: the fewest steps it was reached with. */
  const reached: number[] = [];
  let best = path;
  const until = performance.now() + budget;
  let exhausted = false;
  const walked: number[] = [];
  const visit = (): void => {
    for (const agent of inOrder(state.agents, walked.at(-1))) {
      if (walked.length + 1 >= best.length || exhausted) return;
      if (seen.size >= states || performance.now() > until) {
        exhausted = true;
        return;
      }
      const outcome = guide.outcome(state, walked, agent);
      if (outcome.blocked) continue;
      if (outcome.threw !== null) {
        if (broken(state, [...walked, agent], outcome)) best = [...walked, agent];
        continue;
      }
      const undo = state.take(agent, outcome);
      walked.push(agent);
      const { number, fresh } = seen.add(state.fingerprint);
      if (fresh || (reached[number] as number) > walked.length) {
        reached[number] = walked.length;
        if (broken(state, walked, outcome)) best = [...walked];
        else visit();
      }
      walked.pop();
      state.undo(outcome, undo);
    }
  };
  if (path.length > 1) visit();
  return { path: best, shortest: !exhausted };
}

function inOrder(agents: readonly number[], last: number | undefined): readonly number[] {
  return last !== undefined && agents.includes(last) ? [last, ...agents.filter((agent) => agent !== last)] : agents;
}

/** The same steps in an order in which each agent goes on as long as it can without the others. */
function together(task: Shortening, path: readonly number[]): readonly number[] {
  const outcomes = follow(task, path);
  if (outcomes === null) return path;
  const before = path.map((agent, step) => path.flatMap((other, earlier) => (earlier < step && (other === agent || depends(outcomes, path, earlier, step)) ? [earlier] : [])));
  const done = new Set<number>();
  const order: number[] = [];
  let last: number | undefined;
  while (order.length < path.length) {
    const ready = path.flatMap((_, step) => (!done.has(step) && (before[step] as number[]).every((each) => done.has(each)) ? [step] : []));
    // Whoever moves at the end moves as late as possible: the others' turns are not cut in two by its.
    const next = ready.find((step) => path[step] === last) ?? ready.find((step) => path[step] !== path.at(-1)) ?? ready[0];
    if (next === undefined) return path;
    done.add(next);
    order.push(next);
    last = path[next];
  }
  const reordered = order.map((step) => path[step] as number);
  return follow(task, reordered) === null ? path : reordered;
}

function depends(outcomes: readonly Outcome[], path: readonly number[], earlier: number, later: number): boolean {
  const [one, other] = [outcomes[earlier] as Outcome, outcomes[later] as Outcome];
  if (one.spawned.some(({ agent }) => agent === path[later])) return true;
  const touches = (writes: readonly number[], { reads, writes: theirs }: Outcome) => writes.some((cell) => reads.includes(cell) || theirs.includes(cell));
  return touches(one.writes, other) || touches(other.writes, one);
}
