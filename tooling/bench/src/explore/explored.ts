// One exploration of one subject: what was seen, what it cost, and whether the answer is the expected one.
import { ModelError } from '@siov/base';
import { check } from '@siov/explore';
import type { Limit, PropertyVerdict } from '@siov/explore';
import { modelOfSubject, refutedOf } from './subject.ts';
import type { Subject } from './subject.ts';

export interface Explored {
  /** Of the last round of search, which is the one that decides: states that are remembered, and steps. */
  readonly states: number;
  readonly steps: number;
  /** Of all rounds: times the real code was asked for a step or a verdict, and runs of it from the start. */
  readonly asked: number;
  readonly runs: number;
  /** What ended it before everything was seen; null: nothing. */
  readonly limit: Limit | null;
  /** What was found and not expected, or expected and not found though everything was seen. */
  readonly surprises: readonly string[];
  readonly refuted: readonly string[];
  /** From the call to the report, on the clock on the wall; and of all processors. */
  readonly seconds: number;
  readonly cpu: number;
  /** The search alone: without shortening the counterexamples. */
  readonly searching: number;
  /** Most bytes resident at a time in the process. */
  readonly memory: number;
}

/** The machine of the subject cannot be built. */
export interface Impossible {
  readonly impossible: string;
}

export async function explore(subject: Subject, seconds: number): Promise<Explored | Impossible> {
  const model = modelOfSubject(subject);
  const cpu = process.cpuUsage();
  const began = performance.now();
  try {
    const { coverage, verdicts } = await check(model, { engine: 'lazy', limits: { seconds } });
    const wall = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return {
      states: coverage.states,
      steps: coverage.transitions,
      asked: coverage.learned,
      runs: coverage.schedules,
      limit: coverage.leftOver?.limit ?? null,
      surprises: surprisesOf(verdicts, refutedOf(subject), coverage.complete),
      refuted: refutedIn(verdicts),
      seconds: wall,
      cpu: (user + system) / 1e6,
      searching: coverage.seconds,
      memory: process.resourceUsage().maxRSS * 1024,
    };
  } catch (error) {
    // Thrown where the machine is built: a search that has begun ends otherwise.
    if (error instanceof ModelError) return { impossible: error.message };
    throw error;
  }
}

export function surprisesOf(verdicts: readonly PropertyVerdict[], expected: readonly string[], complete: boolean): string[] {
  const found = refutedIn(verdicts);
  // `I1` means `I1, entry 0` and `I1 at rest`, and not `I10`.
  const belongs = (property: string, name: string) => property.split(/[, ]/u)[0] === name || property === name;
  const missing = complete ? expected.filter((name) => !found.some((property) => belongs(property, name))) : [];
  return [
    ...found.filter((property) => !expected.some((name) => belongs(property, name))).map((property) => `${property} is refuted`),
    ...missing.map((name) => `${name} is not refuted`),
  ];
}

function refutedIn(verdicts: readonly PropertyVerdict[]): string[] {
  return verdicts.filter(({ outcome }) => outcome === 'refuted').map(({ property }) => property);
}
