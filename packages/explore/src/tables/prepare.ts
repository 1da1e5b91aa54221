// Learns a model and searches it, again and again as long as the search finds that something is missing from the tables.
import type { Model } from '../model.ts';
import type { CheckOptions } from '../options.ts';
import type { Coverage } from '../report.ts';
import type { Checkpoint } from './search/checkpoint.ts';
import { digestOf } from './search/checkpoint.ts';
import { buildTables, MoreIsRead } from './compile/tables.ts';
import type { Tables } from './compile/tables.ts';
import { Judge } from './learn/judge.ts';
import { Learner, NotLearned } from './learn/learner.ts';
import { walk, WalkState, walkTo } from './learn/walk.ts';
import { mayReduce, reduce } from './reduce/reduced-tables.ts';
import { BreadthFirst, NotKnown, NotWorthIt, SlotsFull } from './search/breadth-first.ts';
import type { Searched } from './search/breadth-first.ts';
import type { Clock } from './search/clock.ts';
import { scheduleTo } from './search/schedule.ts';
import type { Slot } from './shape/layout.ts';

export interface Prepared {
  readonly learned: Learner;
  readonly judge: Judge;
}

export interface Found {
  readonly tables: Tables;
  readonly searched: Searched;
  /** Of the first tables: which model it is. */
  readonly digest: string;
  readonly reduction: Coverage['reduction'];
  /** Of what a search with fewer steps has refuted: all schedules, as far as it takes for the shortest that do. */
  readonly shortest: Searched | null;
}

export function prepare(model: Model, clock: Clock): Prepared {
  const learned = new Learner(model, undefined, (steps) => clock.whileLearning(steps));
  if (!learned.close()) walk(learned, [WalkState.initial(learned)], FIRST_WALK);
  return { learned, judge: new Judge(model, learned.book) };
}

export async function searchAll({ learned, judge }: Prepared, clock: Clock, resume: Checkpoint | null, options: CheckOptions): Promise<Found> {
  let digest: string | null = null;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const tables = buildTables(learned, judge);
    digest ??= digestOf(tables);
    resume?.check(digest);
    try {
      const reducible = mayReduce(tables, options) && resume?.of(tables) !== true;
      const found = reducible ? await searchReduced(tables, { learned, judge }, clock, resume) : null;
      return { ...(found ?? (await searchFully(tables, clock, resume))), digest };
    } catch (error) {
      if (error instanceof SlotsFull) moreSlots(learned, error.family);
      else if (error instanceof NotKnown) learnMissing(learned, tables, error);
      else if (error instanceof MoreIsRead) judge.lookMore();
      else throw error;
    }
  }
  throw new NotLearned(`steps are missing after ${MOST_ROUNDS} searches`);
}

async function searchFully(tables: Tables, clock: Clock, resume: Checkpoint | null): Promise<Omit<Found, 'digest'>> {
  const search = new BreadthFirst(tables, clock);
  if (resume?.of(tables) === true) search.resume(resume);
  return { tables, searched: await search.run(), reduction: 'none', shortest: null };
}

/** Null: it does not pay. */
async function searchReduced(tables: Tables, { learned, judge }: Prepared, clock: Clock, resume: Checkpoint | null): Promise<Omit<Found, 'digest'> | null> {
  const { tables: reduced, choose } = reduce(tables, judge, learned.book.domains);
  const search = new BreadthFirst(reduced, clock, { choose });
  if (resume?.of(reduced) === true) search.resume(resume);
  try {
    const searched = await search.run();
    const until = new Set(searched.findings.keys());
    const shortest = until.size === 0 || searched.leftOver !== null ? null : await new BreadthFirst(tables, clock, { until }).run();
    return { tables: reduced, searched, reduction: 'stubborn sets', shortest };
  } catch (error) {
    if (error instanceof NotWorthIt) return null;
    throw error;
  }
}

/** Goes to where a step is missing, and on from there. */
function learnMissing(learned: Learner, tables: Tables, { steps, searched }: NotKnown): void {
  const { slots, slotsOf } = tables.layout;
  const inFamily = (number: number) => {
    const { family } = slots[number] as Slot;
    return { family: family.number, index: (slotsOf[family.number] ?? []).findIndex((slot) => slot.number === number) };
  };
  const from: WalkState[] = [];
  let looked = 0;
  for (const { state } of steps) {
    from.push(walkTo(learned, scheduleTo(state, tables, searched.table, searched.levels).map(inFamily)));
    looked += state;
    if (looked > MOST_LOOKED_THROUGH) break;
  }
  walk(learned, from, from.length + NEXT_WALK);
}

function moreSlots({ families }: Learner, number: number): void {
  const family = families[number];
  if (family === undefined || family.slots >= MOST_SLOTS) throw new NotLearned(`more than ${MOST_SLOTS} agents of one name run at once`);
  family.slots *= 2;
}

const MOST_ROUNDS = 100;
/** States that are walked through before tables are made, and each time that they have gaps. */
const FIRST_WALK = 5000;
const NEXT_WALK = 2000;
/** Counted in numbers of states, as finding the way to one looks through those before it. */
const MOST_LOOKED_THROUGH = 2_000_000;
const MOST_SLOTS = 32;
