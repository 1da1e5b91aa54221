// How fast the checks of `siov check` are explored, and how that grows with the machine: each run a process of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { nameOf } from '@siov/scenarios';
import type { Check } from '@siov/scenarios';
import { quantile, summarise } from '../statistics.ts';
import type { Summary } from '../statistics.ts';
import type { Explored, Impossible } from './explored.ts';
import { exploreFresh } from './fresh.ts';
import type { Axis, GrowthSize } from './growing.ts';
import type { Subject } from './subject.ts';

export interface CheckRow {
  readonly name: string;
  readonly explored: Explored | Impossible;
  /** Of the machine when it was done, the mean of a minute. */
  readonly load: number;
}

export interface MeasuredPoint extends Pick<Explored, 'states' | 'steps' | 'asked' | 'runs' | 'limit' | 'surprises'> {
  readonly seconds: Summary;
  readonly cpu: Summary;
  readonly memory: number;
  /** Runs it is the median of: one where the limit was reached. */
  readonly rounds: number;
}

export interface GrowthPoint {
  readonly x: number;
  readonly size: GrowthSize;
  readonly explored: MeasuredPoint | Impossible;
}

export interface GrowthLine extends Pick<Axis, 'name' | 'what'> {
  readonly points: readonly GrowthPoint[];
}

export interface Exploration {
  /** Of each search, seconds. */
  readonly limit: number;
  readonly rounds: number;
  readonly checks: readonly CheckRow[];
  readonly growth: readonly GrowthLine[];
}

export interface ExplorationOptions {
  readonly checks: readonly Check[];
  readonly axes: readonly Axis[];
  readonly limit: number;
  readonly rounds: number;
  /** Node's options in the processes: as here unless said. */
  readonly nodeOptions?: string[];
  /** Told of each search before it starts: together they take minutes. */
  readonly note?: (what: string) => void;
}

export async function measureExploration({ checks, axes, limit, rounds, nodeOptions, note }: ExplorationOptions): Promise<Exploration> {
  const directory = await mkdtemp(join(tmpdir(), 'siov-explore-'));
  const fresh = (subject: Subject) => exploreFresh(directory, { subject, seconds: limit }, nodeOptions);
  try {
    // Not measured: compiles the sources.
    for (const { points } of axes.slice(0, 1)) for (const { size } of points.slice(0, 1)) await fresh({ size });
    const rows: CheckRow[] = [];
    for (const check of checks) {
      const name = nameOf(check);
      note?.(name);
      const explored = await fresh({ check: name });
      rows.push({ name, explored, load: loadavg()[0] ?? Number.NaN });
    }
    const growth: GrowthLine[] = [];
    for (const { name, what, points } of axes) {
      const measured: GrowthPoint[] = [];
      for (const { x, size } of points) {
        note?.(`${name}: ${x}`);
        measured.push({ x, size, explored: await repeated(rounds, () => fresh({ size })) });
      }
      growth.push({ name, what, points: measured });
    }
    return { limit, rounds, checks: rows, growth };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A limit that is reached once is reached: the others would take as long, and say no more. */
export async function repeated(rounds: number, run: () => Promise<Explored | Impossible>): Promise<MeasuredPoint | Impossible> {
  const done: Explored[] = [];
  for (let round = 0; round < rounds; round++) {
    const explored = await run();
    if ('impossible' in explored) return explored;
    if (explored.limit !== null) return pointOf([explored]);
    done.push(explored);
  }
  return pointOf(done);
}

/** What is counted is the same in every run that ends by itself. */
function pointOf(runs: readonly Explored[]): MeasuredPoint {
  const [{ states, steps, asked, runs: ofTheCode, limit, surprises }] = runs as readonly [Explored];
  return {
    states, steps, asked, runs: ofTheCode, limit, surprises,
    seconds: summarise(runs.map(({ seconds }) => seconds)),
    cpu: summarise(runs.map(({ cpu }) => cpu)),
    memory: quantile(runs.map(({ memory }) => memory), 0.5),
    rounds: runs.length,
  };
}
