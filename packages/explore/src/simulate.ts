// Schedules picked at random, for what is too large to be seen whole: uniformly, or with random priorities that change at a
// few random steps (probabilistic concurrency testing, Burckhardt et al., ASPLOS 2010). The same seed, the same schedules.
import { DEADLOCK, NO_THROW } from './model.ts';
import type { Model } from './model.ts';
import type { PropertyVerdict, Report } from './report.ts';
import { Execution } from './run/execution.ts';
import { Knowledge } from './run/knowledge.ts';
import { randomNumbers } from './run/random.ts';
import { counterexampleOf } from './run/replay.ts';

export interface SimulateOptions {
  /** Schedules; 100 unless said. */
  readonly runs?: number;
  /** Any 32-bit number; 1 unless said. */
  readonly seed?: number;
  /** `random` unless said. */
  readonly strategy?: 'random' | 'pct';
  /** Of `pct`: a bug that takes this many ordered steps is found with known probability; 3 unless said. */
  readonly bugDepth?: number;
  /** Steps after which a run is given up; 10,000 unless said. */
  readonly depth?: number;
}

/** Samples only: nothing is proved. `eventually` and `responds` are not looked at, as a run that is given up decides neither. */
export function simulate(model: Model, options: SimulateOptions = {}): Report {
  const { runs = 100, seed = 1, strategy = 'random', depth = 10_000, bugDepth = 3 } = options;
  if (!(Number.isInteger(runs) && runs > 0)) throw new RangeError(`${runs} runs: it takes at least one`);
  const began = performance.now();
  const next = randomNumbers(seed);
  const found = new Map<string, { readonly violation: string; readonly schedule: readonly string[] }>();
  const names = new Set([NO_THROW, DEADLOCK]);
  let [transitions, deepest, givenUp] = [0, 0, 0];
  let length = 100;
  for (let run = 0; run < runs; run++) {
    const sampled = sample(model, { next, depth, pick: strategy === 'pct' ? priorities(next, bugDepth, length) : ({ agents }) => agents[Math.floor(next() * agents.length)] as number });
    for (const { name } of sampled.properties) names.add(name);
    for (const [property, violation] of sampled.broken) if (!found.has(property)) found.set(property, { violation, schedule: sampled.schedule.slice(0, sampled.brokenAt.get(property)) });
    transitions += sampled.schedule.length;
    deepest = Math.max(deepest, sampled.schedule.length);
    length = deepest;
    if (sampled.givenUp) givenUp += 1;
  }
  const verdicts = [...names].map((property): PropertyVerdict => {
    const finding = found.get(property);
    if (finding === undefined) return { property, outcome: 'not refuted', counterexample: null };
    return { property, outcome: 'refuted', counterexample: counterexampleOf(model, { property, ...finding, shortest: false }) };
  });
  const memory = process.memoryUsage.rss();
  return {
    model: model.name,
    verdicts,
    coverage: {
      engine: strategy, states: 0, transitions, learned: 0, schedules: runs, depth: deepest, reduction: 'none', merging: 'none', complete: false,
      leftOver: givenUp === 0 ? null : { limit: 'depth', states: givenUp }, seconds: (performance.now() - began) / 1000, memory, seed,
    },
  };
}

interface Choice {
  readonly agents: readonly number[];
  readonly step: number;
}

interface Sampling {
  readonly next: () => number;
  readonly depth: number;
  readonly pick: (choice: Choice) => number;
}

interface Sample {
  readonly schedule: readonly string[];
  readonly properties: readonly { readonly name: string }[];
  /** What each property that broke said first, and after how many steps. */
  readonly broken: ReadonlyMap<string, string>;
  readonly brokenAt: ReadonlyMap<string, number>;
  readonly givenUp: boolean;
}

function sample(model: Model, { depth, pick }: Sampling): Sample {
  const knowledge = new Knowledge();
  const execution = new Execution(model, knowledge);
  const { properties } = execution.machine;
  const schedule: string[] = [];
  const broken = new Map<string, string>();
  const brokenAt = new Map<string, number>();
  const breaks = (property: string, violation: string | null) => {
    if (violation === null || broken.has(property)) return;
    broken.set(property, violation);
    brokenAt.set(property, schedule.length);
  };
  const look = (kind: 'always' | 'rest') => {
    for (const property of properties) if (property.kind === kind) breaks(property.name, execution.judge(property.name, property.holds).violation);
  };
  const result = (givenUp: boolean): Sample => ({ schedule, properties, broken, brokenAt, givenUp });
  look('always');
  for (let step = 0; step < depth; step++) {
    const agents = execution.agents.filter((agent) => execution.ready(agent));
    if (agents.length === 0) {
      const waiting = execution.agents.filter((agent) => knowledge.daemons[agent] !== true);
      if (waiting.length > 0) breaks(DEADLOCK, `nobody can move, and these wait: ${waiting.map((agent) => knowledge.agents[agent]).join(', ')}`);
      look('rest');
      return result(false);
    }
    const agent = pick({ agents, step });
    schedule.push(knowledge.agents[agent] as string);
    const { threw } = execution.step(agent);
    if (threw !== null) {
      breaks(NO_THROW, `${knowledge.agents[agent]}: ${threw}`);
      return result(false);
    }
    look('always');
  }
  return result(true);
}

/** Who has the highest priority moves; at `depth - 1` steps picked beforehand, whoever moves then falls below all others. */
function priorities(next: () => number, depth: number, length: number): (choice: Choice) => number {
  const priority = new Map<number, number>();
  const changes = new Set(Array.from({ length: depth - 1 }, () => Math.floor(next() * length)));
  let lowest = 0;
  return ({ agents, step }) => {
    for (const agent of agents) if (!priority.has(agent)) priority.set(agent, 1 + next());
    const first = agents.reduce((best, agent) => ((priority.get(agent) ?? 0) > (priority.get(best) ?? 0) ? agent : best));
    if (changes.has(step)) priority.set(first, --lowest);
    return first;
  };
}
