// One run of a model's real code from the start, one step at a time, in any order that is asked for.
import type { Point } from '@siov/base';
import type { Machine, Model, ModelAgent, Property } from '../../src/model.ts';
import { localAt } from './local.ts';
import { TrackedState } from './tracked-state.ts';

interface Running {
  readonly agent: ModelAgent;
  point: Point;
  /** All that can make its next steps differ from those of another run. */
  local: string;
}

export class Run {
  readonly #state = new TrackedState();
  readonly #running = new Map<string, Running>();
  #spawned: ModelAgent[] = [];
  readonly properties: readonly Property[];
  /** Of agents, so far. */
  readonly thrown: string[] = [];

  constructor(model: Model, schedule: readonly string[] = []) {
    const machine: Machine = model.make({ state: this.#state, narrated: false, spawn: (agent) => this.#spawned.push(agent) });
    this.properties = machine.properties;
    const agents = [...machine.agents, ...this.#spawned];
    this.#spawned = [];
    this.#state.takeReads();
    for (const agent of agents) this.#begin(agent, 'made');
    for (const name of schedule) this.step(name);
  }

  /** Who can go on. */
  enabled(): string[] {
    const able = [...this.#running.values()].filter(({ point }) => this.look(() => point.ready?.() ?? true));
    return able.map(({ agent }) => agent.name).sort();
  }

  /** Whether somebody is there that must not wait for ever. */
  unfinished(): boolean {
    return [...this.#running.values()].some(({ agent }) => agent.daemon !== true);
  }

  step(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined) throw new Error(`${name} is not there`);
    this.#running.delete(name);
    this.#advance(running.agent, running.local);
  }

  look<T>(question: () => T): T {
    return this.#state.silently(question);
  }

  /** Everything that is shared, and how far everybody is: two runs with the same text have the same future. */
  text(): string {
    const agents = [...this.#running.values()].map(({ agent, local }) => `${agent.name} ${agent.daemon === true} ${local}`);
    return [this.shared(), ...agents.sort()].join('\n--\n');
  }

  shared(): string {
    return this.#state.text();
  }

  #begin(agent: ModelAgent, local: string): void {
    if (this.#running.has(agent.name)) throw new Error(`two agents are called ${agent.name}`);
    this.#advance(agent, local);
  }

  #advance(agent: ModelAgent, before: string): void {
    let next: IteratorResult<Point, unknown> | null = null;
    try {
      next = agent.steps.next();
    } catch (thrown) {
      this.thrown.push(`${agent.name}: ${String(thrown)}`);
    }
    const history = `${before}\n|${this.#state.takeReads()}`;
    if (next !== null && next.done !== true) {
      const { kind, what } = next.value;
      const known = localAt(next.value);
      this.#running.set(agent.name, { agent, point: next.value, local: known === undefined ? history : `${kind} ${what} ${known}` });
    }
    // Those that were started know what the one that started them knew.
    const spawned = this.#spawned;
    this.#spawned = [];
    for (const each of spawned) this.#begin(each, `of ${agent.name}: ${history}`);
  }
}
