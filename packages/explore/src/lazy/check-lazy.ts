// The engine `lazy`: rounds of search, each with what the one before has learned, until a round learns nothing that would
// have made it choose otherwise.
import type { CheckOptions } from '../options.ts';
import { DEADLOCK, LIVELOCK, NO_THROW } from '../model.ts';
import type { Model, Predicate, Property } from '../model.ts';
import type { Coverage, Limit, PropertyVerdict, Report } from '../report.ts';
import { Decisions, Knowledge } from '../run/knowledge.ts';
import { counterexampleOf } from '../run/replay.ts';
import { AbstractState } from './abstract-state.ts';
import { Budget } from './budget.ts';
import { Footprints } from './footprints.ts';
import { Guide } from './guide.ts';
import type { Judge } from './guide.ts';
import { Search } from './search.ts';
import type { Counts, Finding } from './search.ts';
import { shorten } from './shorten.ts';
import type { Shortening } from './shorten.ts';
import { verify } from './verify.ts';

/** Schedules that are looked at once more when all is known. */
const VERIFIED = 5;

export async function checkLazily(model: Model, options: CheckOptions = {}): Promise<Report> {
  const checked = new LazyCheck(model, options);
  await checked.search();
  return checked.report();
}

class LazyCheck {
  readonly #model: Model;
  readonly #options: CheckOptions;
  readonly #budget: Budget;
  readonly #knowledge = new Knowledge();
  readonly #guide: Guide;
  readonly #always: readonly Judge[];
  readonly #rest: readonly Judge[];
  /** All that there is to refute. */
  readonly #names: readonly string[];
  /** Of each property that is refuted, the shortest schedule so far. */
  readonly #findings = new Map<string, Finding>();
  #counts: Counts = { states: 0, transitions: 0, depth: 0, frontier: 0, bytes: 0 };
  /** Why not everything was seen; null: it was. */
  #ended: Limit | null = null;
  /** Counts what became known of the agents' futures. */
  #version = 0;

  constructor(model: Model, options: CheckOptions) {
    this.#model = model;
    this.#options = options;
    this.#budget = new Budget(model.name, options);
    this.#guide = new Guide(model, this.#knowledge);
    const { properties } = this.#guide;
    const unsupported = properties.find(({ kind }) => kind === 'eventually' || kind === 'responds');
    if (unsupported !== undefined) throw new RangeError(`property ${unsupported.name} is of kind ${unsupported.kind}: only the engine 'tables' decides those`);
    this.#always = judges(properties, 'always');
    this.#rest = judges(properties, 'rest');
    this.#names = [NO_THROW, DEADLOCK, LIVELOCK, ...properties.map(({ name }) => name)];
  }

  async search(): Promise<void> {
    while (!this.#round()) {
      // Timers and signals have their turn between rounds.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#ended === null) verify(this.#model, this.#knowledge, VERIFIED);
  }

  /** Whether it was the last one: all was seen, by choices that nothing learned since would change; or no more is wanted. */
  #round(): boolean {
    const first = this.#options.reduction === false ? null : this.#footprints();
    const search = new Search(this.#guide, this.#knowledge, this.#start(), {
      always: this.#always,
      rest: this.#rest,
      footprints: this.#kept(first),
      stop: (counts) => this.#budget.spent(counts),
      found: (finding) => this.#found(finding),
    });
    const why = search.run();
    this.#counts = search.counts;
    this.#ended = why ?? (this.#wanted ? null : 'refuted');
    return this.#ended !== null || first === null || first.stillTrue(this.#watched());
  }

  /** What is known of the agents' futures, anew whenever more is: often enough, and not at every step. */
  #kept(first: Footprints | null): () => Footprints | null {
    let now = first;
    let learned = this.#guide.learned;
    return () => {
      if (now !== null && this.#guide.learned - learned > 32 + learned / 32) {
        learned = this.#guide.learned;
        now = this.#footprints();
      }
      return now;
    };
  }

  #footprints(): Footprints {
    this.#version += 1;
    return new Footprints(this.#knowledge, this.#watched(), this.#version);
  }

  /** What predicates read. */
  #watched(): ReadonlySet<number>[] {
    return this.#always.map(({ known }) => known.cells);
  }

  #start(): AbstractState {
    return new AbstractState(this.#guide.anew());
  }

  /** Whether to go on. */
  #found(finding: Finding): boolean {
    const best = this.#findings.get(finding.property);
    if (best === undefined || finding.path.length < best.path.length) this.#findings.set(finding.property, finding);
    return this.#wanted;
  }

  get #wanted(): boolean {
    return this.#options.first === true ? this.#findings.size === 0 : this.#findings.size < this.#names.length;
  }

  report(): Report {
    const coverage = this.#coverage();
    const verdicts = this.#names.map((property): PropertyVerdict => {
      const finding = this.#findings.get(property);
      if (finding === undefined) return { property, outcome: coverage.complete ? 'proved' : 'not refuted', counterexample: null };
      const { path, shortest } = finding.endless === true ? { path: finding.path, shortest: false } : shorten(this.#shortening(property), finding.path);
      const schedule = path.map((agent) => this.#knowledge.agents[agent] as string);
      return { property, outcome: 'refuted', counterexample: counterexampleOf(this.#model, { property, violation: finding.violation, schedule, shortest }) };
    });
    return { model: this.#model.name, verdicts, coverage };
  }

  #coverage(): Coverage {
    const { states, transitions, depth, frontier } = this.#counts;
    return {
      engine: 'lazy',
      states,
      transitions,
      learned: this.#guide.learned,
      schedules: this.#guide.runs,
      depth,
      reduction: this.#options.reduction === false ? 'none' : 'stubborn sets',
      merging: '128-bit fingerprints',
      complete: this.#ended === null,
      leftOver: this.#ended === null ? null : { limit: this.#ended, states: frontier },
      seconds: this.#budget.seconds,
      memory: process.memoryUsage.rss(),
      seed: null,
    };
  }

  #shortening(property: string): Shortening {
    const judge = [...this.#always, ...this.#rest].find(({ name }) => name === property);
    const atRest = property === DEADLOCK || this.#rest.some(({ name }) => name === property);
    return {
      guide: this.#guide,
      start: () => this.#start(),
      cells: () => (judge === undefined || atRest ? null : judge.known.cells),
      broken: (state, path, last) => {
        const threw = last !== null && last.threw !== null;
        if (threw || property === NO_THROW) return threw && property === NO_THROW;
        if (atRest && !this.#atRest(state, path, property)) return false;
        return judge === undefined || this.#guide.judgement(state, path, judge).violation !== null;
      },
      budget: (this.#options.shorten?.seconds ?? 5) * 1000,
      states: this.#options.shorten?.states ?? 200_000,
    };
  }

  /** Nobody can move; for a deadlock also: somebody wants to. */
  #atRest(state: AbstractState, path: readonly number[], property: string): boolean {
    if (property === DEADLOCK && state.agents.every((agent) => this.#knowledge.daemons[agent] === true)) return false;
    return state.agents.every((agent) => this.#guide.outcome(state, path, agent).blocked);
  }
}

function judges(properties: readonly Property[], kind: 'always' | 'rest'): Judge[] {
  return properties.flatMap((property, index) => {
    if (property.kind !== kind) return [];
    const predicate = (all: readonly Property[]): Predicate => (all[index] as { readonly holds: Predicate }).holds;
    return [{ name: property.name, predicate, known: new Decisions() }];
  });
}
