// One run of the real code, step by step, with every access to shared state seen. What it does is checked against what is
// known, and what is new becomes known.
import { ModelError } from '@siov/base';
import type { Point, Steps } from '@siov/base';
import type { Machine, Model, ModelAgent, Predicate } from '../model.ts';
import { TrackedState } from '../track/tracked-state.ts';
import { ENDED } from './knowledge.ts';
import type { Judgement, Knowledge, Local, Outcome } from './knowledge.ts';
import { LiveStore } from './live-store.ts';
import type { Snapshot } from './live-store.ts';

interface Running {
  readonly agent: number;
  readonly steps: Steps<unknown>;
  point: Point;
  local: Local;
  readonly again: (() => Steps<unknown>) | undefined;
}

interface Beginning {
  readonly agent: number;
  readonly local: Local;
  readonly again: () => Steps<unknown>;
}

function canBeginAgain(agent: Pick<Running, 'agent' | 'local' | 'again'>): agent is Beginning {
  return agent.again !== undefined;
}

/** Same place, same values read, other behaviour: state that agents share without the state port, or chance. */
export class Nondeterministic extends ModelError {}

export class Execution {
  readonly knowledge: Knowledge;
  readonly machine: Machine;
  readonly store: LiveStore;
  readonly #running = new Map<number, Running>();
  /** Agents that were spawned since the last step began. */
  #spawned: ModelAgent[] = [];
  #steps = 0;
  /** How it began; null: it can't begin again. */
  readonly #beginning: { readonly cells: Snapshot; readonly agents: readonly Beginning[] } | null;

  constructor(model: Model, knowledge: Knowledge, narrated = false) {
    this.knowledge = knowledge;
    this.store = new LiveStore(knowledge.cells, knowledge.values);
    let objects = 0;
    this.store.nameBy(() => `made first ${objects++}`);
    const state = new TrackedState(knowledge.cells, this.store, { made: (piece, name) => this.store.named(piece, name), recording: () => this.store.recording, nameOf: (object) => this.store.nameOf(object) });
    this.machine = model.make({ state, narrated, spawn: (agent) => void this.#spawned.push(agent) });
    for (const agent of this.machine.agents) this.#start(agent, 'first');
    this.#startSpawned('first');
    const agents = [...this.#running.values()].map(({ agent, local, again }) => ({ agent, local, again }));
    this.#beginning = agents.every(canBeginAgain) ? { cells: this.store.snapshot(), agents } : null;
  }

  /** Back at its start, if its agents can be made again; else false. */
  restart(): boolean {
    const beginning = this.#beginning;
    if (beginning === null) return false;
    this.store.restore(beginning.cells);
    this.#steps = 0;
    this.#running.clear();
    for (const { agent, local, again } of beginning.agents) {
      const steps = again();
      const { value, done } = steps.next();
      if (done === true || value.kind !== local.kind || value.what !== local.what) throw new ModelError(`${this.knowledge.agents[agent]} does not begin again at ${local.kind} ${local.what}`);
      this.#running.set(agent, { agent, steps, point: value, local, again });
    }
    return true;
  }

  /** Steps taken. */
  get length(): number {
    return this.#steps;
  }

  /** Agents that have not ended. */
  get agents(): number[] {
    return [...this.#running.keys()];
  }

  local(agent: number): number {
    return this.#running.get(agent)?.local.number ?? ENDED;
  }

  point(agent: number): Point {
    return this.#agent(agent).point;
  }

  /** Lets an agent take its next step, unless it waits. `writing` is told of each cell before it is first written. */
  step(agent: number, writing?: (cell: number) => void): Outcome {
    const running = this.#agent(agent);
    const { local, point } = running;
    const { store, knowledge } = this;
    let objects = 0;
    const seen = { reads: [] as readonly number[], values: [] as readonly number[] };
    store.nameBy(() => `${local.number}:${seen.values.length}:${seen.values.join()}/${objects++}`);
    let next: IteratorResult<Point, unknown> | null = null;
    let threw: string | null = null;
    const spawnedLocals: { agent: number; local: number }[] = [];
    store.beforeWriting(writing);
    const { accesses } = store.record((so) => {
      seen.reads = so.reads;
      seen.values = so.readValues;
      try {
        if (point.ready !== undefined && !point.ready()) return;
        next = running.steps.next();
        if (next.done === true) this.#present(knowledge.agents[agent] as string, false);
        spawnedLocals.push(...this.#startSpawned(`${local.number}:${so.readValues.join()}`));
      } catch (error) {
        threw = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      }
    });
    const blocked = next === null && threw === null;
    const after = this.#after(running, accesses, { next, threw, blocked });
    const outcome: Outcome = {
      number: knowledge.outcomes,
      reads: accesses.reads,
      readValues: accesses.readValues,
      writes: blocked ? [] : accesses.writes,
      written: blocked ? [] : accesses.writes.map((cell) => store.valueOf(cell)),
      next: after?.number ?? ENDED,
      blocked,
      threw,
      spawned: spawnedLocals,
    };
    if (!blocked) this.#steps += 1;
    if (after === null) this.#running.delete(agent);
    else running.local = after;
    return this.#learn(local, outcome);
  }

  /** What a predicate says now; a text where it does not hold. */
  judge(name: string, predicate: Predicate): Judgement {
    const { result, accesses } = this.store.record(() => predicate());
    if (accesses.writes.length > 0) throw new ModelError(`property ${name} writes ${this.knowledge.cells.name(accesses.writes[0] as number)}: a predicate changes nothing`);
    return { reads: accesses.reads, readValues: accesses.readValues, violation: result === true ? null : result === false ? `${name} does not hold` : result };
  }

  /** Whether the agent's guard holds. */
  ready(agent: number): boolean {
    const { point } = this.#agent(agent);
    return point.ready === undefined || point.ready();
  }

  #agent(agent: number): Running {
    const running = this.#running.get(agent);
    if (running === undefined) throw new ModelError(`agent ${this.knowledge.agents[agent] ?? agent} is not there`);
    return running;
  }

  /** Where the agent is after a step; null: it is not there any more. */
  #after(
    running: Running,
    { readValues, reads }: { readonly reads: readonly number[]; readonly readValues: readonly number[] },
    { next, threw, blocked }: { readonly next: IteratorResult<Point, unknown> | null; readonly threw: string | null; readonly blocked: boolean },
  ): Local | null {
    const { local, agent } = running;
    if (blocked) return local;
    if (threw !== null || next === null || next.done === true) return null;
    const point = next.value;
    running.point = point;
    const { kind, what } = point;
    const since = local.poll === null ? '' : `${local.poll.since};${reads.map((cell, index) => `${cell}=${readValues[index]}`).join()}`;
    if (point.anew === true) return this.knowledge.place(`${agent}|anew|${what}`, { agent, kind, what, poll: null, returns: true });
    const history = `${local.number}|${readValues.join()}`;
    if (kind !== 'poll') {
      const poll = local.poll === null || since.length > MOST_POLL_TEXT ? null : { ...local.poll, since };
      return this.knowledge.place(history, { agent, kind, what, poll, returns: false });
    }
    // Between two polls of one place nothing is remembered but what was read: that is what polling means.
    if (local.poll?.what === what) {
      const { base } = local.poll;
      return this.knowledge.place(`${agent}|poll|${base}|${what}|${since}`, { agent, kind, what, poll: { what, base, since: '' }, returns: true });
    }
    return this.knowledge.place(history, { agent, kind, what, poll: { what, base: local.number, since: '' }, returns: true });
  }

  #learn(local: Local, outcome: Outcome): Outcome {
    const { knowledge } = this;
    const { cells } = knowledge;
    const complain = (why: string): never => {
      throw new Nondeterministic(`${knowledge.agents[local.agent]} at ${local.kind} ${local.what}: ${why}. What agents share goes through the state port`);
    };
    let known: Outcome;
    try {
      known = local.outcomes.add(outcome, (cell) => cells.name(cell));
    } catch (error) {
      return complain(error instanceof Error ? error.message : String(error));
    }
    if (known === outcome) {
      knowledge.outcomes += 1;
      local.known.push(outcome);
      return outcome;
    }
    const difference = differenceOf(known, outcome, (cell) => cells.name(cell), (value) => knowledge.values.at(value));
    return difference === null ? known : complain(difference);
  }

  #start(agent: ModelAgent, by: string): { agent: number; local: number } {
    const { knowledge } = this;
    const name = this.#freeName(agent.name);
    const number = knowledge.agent(name, agent.daemon ?? false);
    const first = agent.steps.next();
    if (first.done === true) return { agent: number, local: ENDED };
    this.#present(name, true);
    const { kind, what } = first.value;
    const local = knowledge.place(`${number}|start|${by}`, { agent: number, kind, what, poll: null, returns: true });
    this.#running.set(number, { agent: number, steps: agent.steps, point: first.value, local, again: agent.again });
    return { agent: number, local: local.number };
  }

  #startSpawned(by: string): { agent: number; local: number }[] {
    const started: { agent: number; local: number }[] = [];
    for (let agent = this.#spawned.shift(); agent !== undefined; agent = this.#spawned.shift()) started.push(this.#start(agent, `${by}/${started.length}`));
    return started;
  }

  /** Agents that run together have different names; one that has ended leaves its name to others. */
  #freeName(name: string): string {
    const taken = (candidate: string) => this.store.read(this.#presence(candidate)) === true;
    if (!taken(name)) return name;
    for (let another = 2; ; another++) if (!taken(`${name}#${another}`)) return `${name}#${another}`;
  }

  /** Whether an agent of that name runs is state like any other: the name of the next one depends on it. */
  #presence(name: string): number {
    return this.knowledge.cells.of(`agent ${name}`, false);
  }

  #present(name: string, runs: boolean): void {
    this.store.write(this.#presence(name), runs);
  }
}

/** Longer, and it was no polling. */
const MOST_POLL_TEXT = 4096;

function differenceOf(known: Outcome, now: Outcome, cell: (number: number) => string, value: (number: number) => unknown): string | null {
  if (!same(known.writes, now.writes) || !same(known.written, now.written)) {
    const each = [...known.writes, ...now.writes].find((cell) => known.written[known.writes.indexOf(cell)] !== now.written[now.writes.indexOf(cell)]) ?? 0;
    const [before, after] = [known, now].map(({ writes, written }) => (writes.includes(each) ? value(written[writes.indexOf(each)] as number) : 'nothing'));
    return `it writes ${String(before)} to ${cell(each)} one time and ${String(after)} the other, having read the same`;
  }
  if (known.blocked !== now.blocked) return 'it waits one time and not the other, having read the same';
  if (known.threw !== now.threw) return `it throws "${known.threw ?? 'nothing'}" one time and "${now.threw ?? 'nothing'}" the other`;
  if (known.next !== now.next) return 'it goes on to another place, having read the same';
  return null;
}

function same(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((each, index) => each === other[index]);
}
