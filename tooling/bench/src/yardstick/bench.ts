// The yardstick: Spin and @siov/explore on the same protocol, in turns, each search as a process of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantile, summarise } from '../statistics.ts';
import type { Summary } from '../statistics.ts';
import { measured } from './measure.ts';
import type { Cost } from './measure.ts';
import { runOurs } from './ours.ts';
import type { OurRun } from './ours.ts';
import { sizeName } from './protocol.ts';
import type { YardstickSize } from './protocol.ts';
import { hashBitsFor, runSpin } from './spin.ts';
import type { Found, SpinRun } from './spin.ts';
import { missingTools, MissingTools } from './tools.ts';

export interface Phase {
  readonly seconds: Summary;
  readonly cpu: Summary;
  /** Peak, bytes; median of the rounds. */
  readonly memory: number;
}

export interface Contest {
  readonly name: string;
  /** Each with its own reductions, or both without. */
  readonly reduction: boolean;
  readonly spin: Found & {
    readonly generate: Phase;
    readonly compile: Phase;
    readonly search: Phase;
    /** All three phases; compiled without optimising: null where that cannot pay. */
    readonly seconds: Summary;
    readonly secondsUnoptimised: Summary | null;
  };
  readonly ours: Omit<OurRun, 'whole'> & { readonly whole: Phase };
  /** Spin's time to ours, in the same round: its search alone, and all its phases. */
  readonly ratio: { readonly search: Summary; readonly whole: Summary };
}

export interface Yardstick {
  readonly versions: { readonly spin: string; readonly gcc: string };
  readonly rounds: number;
  readonly contests: readonly Contest[];
}

export interface YardstickOptions {
  readonly sizes: readonly YardstickSize[];
  readonly rounds: number;
  /** Told of each contest before it starts: they take minutes. */
  readonly note?: (what: string) => void;
}

const held = (guests: number, interrupts: number): YardstickSize => ({ guests, interrupts, variant: 'rev' });
const broken = (variant: YardstickSize['variant']): YardstickSize => ({ guests: 1, interrupts: 3, variant });

export const YARDSTICK_SIZES: readonly YardstickSize[] = [
  held(1, 1), held(1, 3), held(1, 4), held(2, 2), held(3, 1),
  broken('v6'), broken('lost'), broken('leak'),
];

/** Throws {@link MissingTools} where Spin cannot run. */
export async function measureYardstick({ sizes, rounds, note }: YardstickOptions): Promise<Yardstick> {
  const missing = missingTools();
  if (missing.length > 0) throw new MissingTools(missing);
  const directory = await mkdtemp(join(tmpdir(), 'siov-yardstick-'));
  try {
    const contests: Contest[] = [];
    // Not measured: compiles the sources.
    for (const size of sizes.slice(0, 1)) await runOurs(directory, { size, reduction: true });
    for (const size of sizes) {
      for (const reduction of [false, true]) {
        note?.(`${sizeName(size)}, ${reduction ? 'reduced' : 'every interleaving'}`);
        contests.push(await contest(directory, size, reduction, rounds));
      }
    }
    return { versions: await versions(directory), rounds, contests };
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function versions(directory: string): Promise<Yardstick['versions']> {
  const version = async (command: string, option: string) => {
    const { output } = await measured(directory, command, [option]);
    return output.split('\n', 1)[0] ?? '';
  };
  return { spin: await version('spin', '-V'), gcc: await version('gcc', '--version') };
}

async function contest(directory: string, size: YardstickSize, reduction: boolean, rounds: number): Promise<Contest> {
  // Not measured: tells how large Spin's table has to be, and whether compiling takes longer than searching.
  const trial = await runSpin(directory, size, { reduction, optimise: '-O2' });
  const settings = { reduction, hashBits: hashBitsFor(trial.states) };
  const optimised: SpinRun[] = [];
  const unoptimised: SpinRun[] = [];
  const ours: OurRun[] = [];
  const turns = [
    async () => optimised.push(await runSpin(directory, size, { ...settings, optimise: '-O2' })),
    async () => ours.push(await runOurs(directory, { size, reduction })),
  ];
  if (trial.search.seconds < trial.compile.seconds) {
    turns.push(async () => unoptimised.push(await runSpin(directory, size, { ...settings, optimise: '-O0' })));
  }
  for (let round = 0; round < rounds; round++) {
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  return result(size, reduction, { optimised, unoptimised, ours });
}

interface Runs {
  readonly optimised: readonly SpinRun[];
  readonly unoptimised: readonly SpinRun[];
  readonly ours: readonly OurRun[];
}

function result(size: YardstickSize, reduction: boolean, { optimised, unoptimised, ours }: Runs): Contest {
  const [{ states, transitions, errors }] = optimised as [SpinRun];
  const [{ whole: _, ...checked }] = ours as [OurRun];
  judge(size, errors, checked);
  const ourTime = (round: number) => ours[round]?.whole.seconds ?? Number.NaN;
  const ratio = (time: (run: SpinRun) => number) => summarise(optimised.map((run, round) => time(run) / ourTime(round)));
  return {
    name: sizeName(size),
    reduction,
    spin: {
      states, transitions, errors,
      generate: phase(optimised.map((run) => run.generate)),
      compile: phase(optimised.map((run) => run.compile)),
      search: phase(optimised.map((run) => run.search)),
      seconds: summarise(optimised.map(allPhases)),
      secondsUnoptimised: unoptimised.length === 0 ? null : summarise(unoptimised.map(allPhases)),
    },
    ours: { ...checked, whole: phase(ours.map(({ whole }) => whole)) },
    ratio: { search: ratio(({ search }) => search.seconds), whole: ratio(allPhases) },
  };
}

/** A wrong or incomplete answer is none, however fast. */
function judge(size: YardstickSize, errors: number, { complete, refuted }: Omit<OurRun, 'whole'>): void {
  const holds = size.variant === 'rev';
  const right = holds ? complete && refuted.length === 0 : refuted.length > 0;
  if (right && (errors === 0) === holds) return;
  const says = `Spin found ${errors} errors, and @siov/explore ${refuted.map(({ property }) => property).join(', ') || 'nothing'}`;
  throw new Error(`${sizeName(size)} ${holds ? 'holds' : 'is broken'}: ${says}${complete ? '' : ', not having seen everything'}`);
}

function allPhases({ generate, compile, search }: SpinRun): number {
  return generate.seconds + compile.seconds + search.seconds;
}

function phase(costs: readonly Cost[]): Phase {
  return {
    seconds: summarise(costs.map(({ seconds }) => seconds)),
    cpu: summarise(costs.map(({ cpu }) => cpu)),
    memory: quantile(costs.map(({ memory }) => memory), 0.5),
  };
}
