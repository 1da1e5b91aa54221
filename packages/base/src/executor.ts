// Runs the agents of a machine on one thread, in a fixed order: deterministic, no clock, no randomness.
import { ModelError } from './errno.ts';
import type { Point, Steps } from './steps.ts';

/**
 * One independent actor: a CPU's task or interrupt context, a device engine. `layer` is where its code is now; `name`
 * changes only when it traps, as a vCPU's host thread does.
 */
export interface Agent {
  name: string;
  layer: string;
}

/** Steps of an agent, or what makes them. */
export type Spawned = Steps<unknown> | (() => Steps<unknown>);

/** Who runs agents in place of an executor; `again` makes an agent's steps once more. */
export type Heir = (agent: Agent, steps: Steps<unknown>, again: (() => Steps<unknown>) | null) => void;

/** Its fields are declared, not defined: then each has one kind of value from the start, which the engine relies on. */
class Running {
  declare readonly agent: Agent;
  declare readonly steps: Steps<unknown>;
  /** Makes them once more. */
  declare readonly again: (() => Steps<unknown>) | null;
  /** Of the point it is at. */
  declare ready: (() => boolean) | undefined;
  declare point: Point | undefined;

  constructor(agent: Agent, steps: Steps<unknown>, again: (() => Steps<unknown>) | null) {
    this.agent = agent;
    this.steps = steps;
    this.again = again;
    this.ready = undefined;
    this.point = undefined;
  }
}

/** What a turn came to: it could not move; it moved and waits; it moved and can move on, or has ended. */
const STAYED = 0;
const RESTS = 1;
const MOVED = 2;
type Outcome = typeof STAYED | typeof RESTS | typeof MOVED;

/** More steps, and more turns of waiting for others, than any call of a machine takes. */
const STEP_LIMIT = 50_000_000;

export class Executor {
  readonly #running: Running[] = [];
  readonly #stepLimit: number;
  #spawned = 0;
  #heir: Heir | null = null;
  #current: Agent = { name: 'main', layer: 'main' };

  /** An agent that takes `stepLimit` steps without waiting, or waits for that many turns of others, is reported. */
  constructor(stepLimit = STEP_LIMIT) {
    this.#stepLimit = stepLimit;
  }

  /** The agent whose code is executing. */
  get current(): Agent {
    return this.#current;
  }

  /**
   * Adds an agent that runs whenever another waits, and in {@link settle}. It leaves when its steps end. A function makes the
   * steps, where they can be made again: of an agent that is at its start whenever it waits.
   */
  spawn(agent: Agent, steps: Spawned): void {
    const again = typeof steps === 'function' ? steps : null;
    const made = typeof steps === 'function' ? steps() : steps;
    if (this.#heir !== null) return this.#heir(agent, made, again);
    this.#running.push(new Running(agent, made, again));
    this.#spawned += 1;
  }

  /**
   * Gives the spawned agents to another scheduler, and those that are spawned from now on: it is told of each, and
   * executes their code through {@link as}.
   */
  handOver(to: Heir): void {
    this.#heir = to;
    for (const { agent, steps, again, point } of this.#running.splice(0)) to(agent, point === undefined ? steps : resumed(steps, point), again);
  }

  /** Executes `body` as `agent`. */
  as<T>(agent: Agent, body: () => T): T {
    const previous = this.#current;
    this.#current = agent;
    try {
      return body();
    } finally {
      this.#current = previous;
    }
  }

  /**
   * Runs `steps` as `agent` to the end. Where it waits for something that does not hold yet, the spawned agents run.
   * Throws {@link ModelError} when it waits and no other agent can move: a deadlock, named by what is waited for; or
   * when the others move for ever, as agents that poll each other do.
   */
  run<T>(agent: Agent, steps: Steps<T>): T {
    let turns = 0;
    for (;;) {
      const next = this.#advance(agent, steps);
      if (next.done) return next.value;
      const { kind, ready, what } = next.value;
      let blocked = kind === 'poll' || (ready !== undefined && !ready());
      while (blocked) {
        if (!this.#runOthers()) throw new ModelError(`deadlock: ${agent.name} waits for ${what} and no agent can move`);
        if (++turns > this.#stepLimit) throw new ModelError(`livelock: ${agent.name} waits for ${what} and the others never come to rest`);
        blocked = ready !== undefined && !ready();
      }
    }
  }

  /** Lets the spawned agents run until each of them waits. */
  settle(): void {
    const all = this.#running;
    // Agents in a row that could not move, the last one that did included when it now waits.
    let resting = 0;
    for (let turns = 0; ; turns++) {
      const round = all.length;
      const spawned = this.#spawned;
      for (let turn = 0, index = 0; turn < round; turn++) {
        if (resting >= all.length) return;
        const running = all[index];
        if (running === undefined) break;
        const outcome = this.#runUntilWait(running);
        if (outcome === STAYED) resting += 1;
        else resting = outcome === RESTS ? 1 : 0;
        if (all[index] === running) index += 1;
      }
      // Agents that came have not had a turn.
      if (this.#spawned !== spawned) resting = 0;
      if (resting >= all.length) return;
      if (turns > this.#stepLimit) throw new ModelError(`livelock: ${all.map(({ agent }) => agent.name).join(', ')} never come to rest`);
    }
  }

  /** One turn for every spawned agent, each until it waits or polls; false when none could move. */
  #runOthers(): boolean {
    let moved = false;
    // Agents that come meanwhile have their first turn in the next round. By index: one that leaves is skipped over.
    const round = this.#running.length;
    for (let turn = 0, index = 0; turn < round; turn++) {
      const running = this.#running[index];
      if (running === undefined) break;
      if (this.#runUntilWait(running) !== STAYED) moved = true;
      if (this.#running[index] === running) index += 1;
    }
    return moved;
  }

  /** A turn of one agent: what it did, where the turn ends. */
  #runUntilWait(running: Running): Outcome {
    const { ready, agent } = running;
    if (ready !== undefined && !ready()) return STAYED;
    const previous = this.#current;
    this.#current = agent;
    try {
      return this.#turn(running);
    } finally {
      this.#current = previous;
    }
  }

  #turn(running: Running): Outcome {
    for (let count = 0; count < this.#stepLimit; count++) {
      const next = running.steps.next();
      if (next.done) {
        this.#running.splice(this.#running.indexOf(running), 1);
        return MOVED;
      }
      const { kind, ready } = next.value;
      running.ready = ready;
      running.point = next.value;
      if (kind === 'poll') return MOVED;
      if (ready !== undefined && !ready()) return RESTS;
    }
    throw new ModelError(`livelock: ${running.agent.name} took ${this.#stepLimit} steps without waiting`);
  }

  #advance<T>(agent: Agent, steps: Steps<T>): IteratorResult<Point, T> {
    return this.as(agent, () => steps.next());
  }
}

/** The rest of steps that are at a point already. */
function* resumed(steps: Steps<unknown>, at: Point): Steps<unknown> {
  yield at;
  return yield* steps;
}
