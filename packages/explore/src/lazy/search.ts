// Depth first through every schedule that makes a difference, over what is known of the agents; what is not known is learned
// on the way.
import { DEADLOCK, LIVELOCK, NO_THROW } from '../model.ts';
import { ENDED } from '../run/knowledge.ts';
import type { Knowledge, Outcome } from '../run/knowledge.ts';
import type { AbstractState, Undo } from './abstract-state.ts';
import { FingerprintSet } from './fingerprints.ts';
import type { Footprints } from './footprints.ts';
import type { Guide, Judge } from './guide.ts';
import { Ways } from './ways.ts';
import type { Limit } from '../report.ts';

/** A schedule that ends where `property` is broken. */
export interface Finding {
  readonly property: string;
  readonly violation: string;
  readonly path: readonly number[];
  /** It does not end where the schedule does: the agents go round for ever from there. */
  readonly endless?: true;
}

export interface SearchOptions {
  readonly always: readonly Judge[];
  readonly rest: readonly Judge[];
  /** What is known now of what agents may do; null: no reduction. The same object until more is known. */
  footprints(): Footprints | null;
  /** Called now and then; a reason ends the search. */
  stop(counts: Counts): Limit | null;
  /** Whether to go on after a finding. */
  found(finding: Finding): boolean;
}

export interface Counts {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly frontier: number;
  readonly bytes: number;
}

/** A state on the schedule that is followed. */
interface Frame {
  /** Its number; {@link UNSEEN}. */
  readonly state: number;
  /** Agents to go on with. */
  agents: readonly number[];
  next: number;
  /** What was known when they were chosen. */
  version: number;
  /** Whether a step from here leads elsewhere. */
  moves: boolean;
  /** The step that led here. */
  readonly outcome: Outcome | null;
  readonly undo: Undo | null;
}

/** Of a state with one agent to go on with: it is not remembered, as whoever comes here again goes the same way soon. */
const UNSEEN = -1;

/** Steps between two looks at the limits. */
const LOOK_EVERY = 1024;

export class Search {
  readonly #guide: Guide;
  readonly #knowledge: Knowledge;
  readonly #options: SearchOptions;
  readonly #state: AbstractState;
  readonly #seen = new FingerprintSet();
  /** By number of a state: whether the schedule that is followed goes through it. */
  #onPath = new Uint8Array(4096);
  readonly #path: number[] = [];
  readonly #frames: Frame[] = [];
  /** By outcome, as long as the predicates read what they do. */
  #judges: (readonly Judge[])[] = [];
  #judgedCells = 0;
  readonly #ways = new Ways();
  #transitions = 0;
  #depth = 0;
  #ended = false;

  constructor(guide: Guide, knowledge: Knowledge, start: AbstractState, options: SearchOptions) {
    this.#guide = guide;
    this.#knowledge = knowledge;
    this.#options = options;
    this.#state = start;
  }

  get counts(): Counts {
    const frontier = this.#frames.reduce((sum, { agents, next }) => sum + agents.length - next, 0);
    return { states: this.#seen.size, transitions: this.#transitions, depth: this.#depth, frontier, bytes: this.#seen.bytes };
  }

  /** Why it ended before everything was seen; null: everything was. */
  run(): Limit | null {
    for (const judge of this.#options.always) this.#judge(judge);
    const start = this.#seen.add(this.#state.fingerprint).number;
    this.#ways.reached(start, { from: -1, via: [], polling: null });
    this.#push(start, this.#choose(), null, null);
    for (let looks = 1; this.#frames.length > 0 && !this.#ended; looks++) {
      const why = looks % LOOK_EVERY === 0 ? this.#options.stop(this.counts) : null;
      if (why !== null) return why;
      this.#advance(this.#frames.at(-1) as Frame);
    }
    if (!this.#ended) this.#lookForCircles();
    return null;
  }

  #advance(frame: Frame): void {
    const agent = frame.agents[frame.next++];
    if (agent === undefined) return this.#complete(frame);
    const outcome = this.#outcome(agent);
    this.#transitions += 1;
    if (outcome.threw !== null) {
      frame.moves = true;
      this.#ways.ends(this.#remembered().state);
      return this.#find(NO_THROW, `${this.#knowledge.agents[agent]}: ${outcome.threw}`, [...this.#path, agent]);
    }
    const undo = this.#state.take(agent, outcome);
    this.#path.push(agent);
    for (const judge of this.#judgesOf(outcome)) this.#judge(judge);
    const agents = this.#choose();
    // Where an agent may have been before, the state is remembered: no cycle is without one that is.
    if (agents.length === 1 && !this.#mayHaveBeen(outcome.next)) {
      frame.moves = true;
      return this.#push(UNSEEN, agents, outcome, undo);
    }
    const { number, fresh } = this.#seen.add(this.#state.fingerprint);
    if (number !== frame.state) frame.moves = true;
    const { state, steps } = this.#remembered();
    this.#ways.leads(state, number);
    if (fresh) this.#ways.reached(number, { from: state, via: this.#path.slice(steps), polling: this.#polling() });
    if (fresh) return this.#push(number, agents, outcome, undo);
    this.#back(outcome, undo);
    // A way back to where this schedule has been: if it were the only one, others might be put off for ever.
    if (this.#onPath[number] === 1) this.#add(frame, this.#enabled());
  }

  /** All that was chosen has been followed: unless more has to be by what is known by now, the state is done with. */
  #complete(frame: Frame): void {
    if (frame.version !== this.#version) {
      frame.version = this.#version;
      if (this.#add(frame, this.#choose())) return;
    }
    if (!frame.moves) {
      this.#ways.ends(frame.state);
      this.#atRest(frame);
    }
    if (frame.state !== UNSEEN) this.#onPath[frame.state] = 0;
    this.#frames.pop();
    if (frame.outcome !== null && frame.undo !== null) this.#back(frame.outcome, frame.undo);
  }

  /** Whether there were any that it did not have. */
  #add(frame: Frame, agents: readonly number[]): boolean {
    const more = agents.filter((agent) => !frame.agents.includes(agent));
    // It may have looked beyond its last one.
    frame.next = Math.min(frame.next, frame.agents.length);
    frame.agents = [...frame.agents, ...more];
    return more.length > 0;
  }

  #push(state: number, agents: readonly number[], outcome: Outcome | null, undo: Undo | null): void {
    if (state >= this.#onPath.length) this.#onPath = grown(this.#onPath, state);
    if (state !== UNSEEN) this.#onPath[state] = 1;
    this.#depth = Math.max(this.#depth, this.#path.length);
    this.#frames.push({ state, agents, next: 0, version: this.#version, moves: false, outcome, undo });
  }

  #back(outcome: Outcome, undo: Undo): void {
    this.#path.pop();
    this.#state.undo(outcome, undo);
  }

  /** Counts what became known of the agents' futures. */
  get #version(): number {
    return this.#options.footprints()?.version ?? 0;
  }

  /** Whether an agent that is there now may have been there before: everywhere else, it has another history. */
  #mayHaveBeen(local: number): boolean {
    return local !== ENDED && this.#knowledge.local(local).returns;
  }

  #atRest({ agents }: Frame): void {
    const waiting = this.#state.agents.filter((agent) => this.#knowledge.daemons[agent] !== true);
    if (waiting.length > 0) {
      const [verb, names] = [agents.length > 0 ? 'look again for ever' : 'wait', waiting.map((agent) => this.#waits(agent)).join('; ')];
      this.#find(DEADLOCK, `nobody can move, and these ${verb}: ${names}`, [...this.#path]);
    }
    for (const judge of this.#options.rest) this.#judge(judge);
  }

  #waits(agent: number): string {
    const { kind, what } = this.#knowledge.local(this.#state.local(agent));
    return `${this.#knowledge.agents[agent]} at ${kind} ${what}`;
  }

  /** Predicates that may say something else after a step: those that read what it writes. */
  #judgesOf({ number, writes }: Outcome): readonly Judge[] {
    const cells = this.#options.always.reduce((sum, { known }) => sum + known.cells.size, 0);
    if (cells !== this.#judgedCells) [this.#judgedCells, this.#judges] = [cells, []];
    return (this.#judges[number] ??= this.#options.always.filter(({ known }) => writes.some((cell) => known.cells.has(cell))));
  }

  /** The last state of the schedule that is remembered, and the steps up to it. */
  #remembered(): { readonly state: number; readonly steps: number } {
    const steps = this.#frames.findLastIndex(({ state }) => state !== UNSEEN);
    return { state: (this.#frames[steps] as Frame).state, steps };
  }

  /** What everybody who has to come to an end waits or polls for; null: somebody does neither. */
  #polling(): string | null {
    const awaited: string[] = [];
    for (const agent of this.#state.agents) {
      if (this.#knowledge.daemons[agent] === true) continue;
      const { number, poll } = this.#knowledge.local(this.#state.local(agent));
      if (poll === null && !this.#outcome(agent).blocked) return null;
      awaited.push(poll === null ? `${agent}@${number}` : `${agent}:${poll.base} ${poll.what}`);
    }
    return awaited.length === 0 ? null : awaited.join();
  }

  /** Everything was seen. */
  #lookForCircles(): void {
    const path = this.#ways.inVain();
    if (path !== null) this.#options.found({ property: LIVELOCK, violation: 'from here on the agents poll for ever, and nobody makes progress', path, endless: true });
  }

  #judge(judge: Judge): void {
    const { violation } = this.#guide.judgement(this.#state, this.#path, judge);
    if (violation !== null) this.#find(judge.name, violation, [...this.#path]);
  }

  #find(property: string, violation: string, path: readonly number[]): void {
    if (!this.#options.found({ property, violation, path })) this.#ended = true;
  }

  #enabled(): readonly number[] {
    return this.#state.agents.filter((agent) => !this.#outcome(agent).blocked);
  }

  #outcome(agent: number): Outcome {
    return this.#guide.outcome(this.#state, this.#path, agent);
  }

  /** Agents whose steps have to be followed here; the others' can wait, as nothing they do first makes a difference to these. */
  #choose(): readonly number[] {
    const footprints = this.#options.footprints();
    if (footprints === null) return this.#enabled();
    let best: readonly number[] | null = null;
    for (const agent of this.#candidates()) {
      if (this.#outcome(agent).blocked) continue;
      const closed = this.#close(agent, footprints, best?.length ?? Infinity);
      if (closed !== null) best = closed;
      if (best?.length === 1) return best;
    }
    return best ?? this.#enabled();
  }

  /** First who moved last: the run of the real code is there. Then those whose step is known, as it costs nothing to ask. */
  *#candidates(): Iterable<number> {
    const last = this.#path.at(-1);
    if (last !== undefined && this.#state.local(last) !== ENDED) yield last;
    const rest = this.#state.agents.filter((agent) => agent !== last);
    const unknown: number[] = [];
    for (const agent of rest) {
      if (this.#guide.knows(this.#state, agent)) yield agent;
      else unknown.push(agent);
    }
    yield* unknown;
  }

  /**
   * The enabled ones of the agents that depend on `first`, and on those, and so on; null: not fewer than `bound`, or one of
   * them throws, after which nobody else is followed.
   */
  #close(first: number, footprints: Footprints, bound: number): readonly number[] | null {
    const { agents } = this.#state;
    const members = [first];
    const enabled: number[] = [];
    for (let at = 0; at < members.length; at++) {
      const member = members[at] as number;
      const outcome = this.#outcome(member);
      if (outcome.threw !== null) return null;
      if (!outcome.blocked) enabled.push(member);
      if (enabled.length >= bound) return null;
      for (const other of agents) {
        if (!members.includes(other) && footprints.conflicts(outcome, this.#state.local(other))) members.push(other);
      }
    }
    return enabled;
  }
}


function grown(bytes: Uint8Array, number: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes.length * 2, number + 1));
  larger.set(bytes);
  return larger;
}
