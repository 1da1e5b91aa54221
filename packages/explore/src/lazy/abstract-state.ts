// A state of the machine without the machine: the number of every cell's value and where every agent is. Steps that are
// known are taken here; the real code runs only for those that are not.
import { ENDED } from '../run/knowledge.ts';
import type { Knowledge, Outcome } from '../run/knowledge.ts';
import type { Execution } from '../run/execution.ts';
import { Fingerprint } from './fingerprints.ts';

/** What is needed to take a step back. */
export interface Undo {
  readonly agent: number;
  readonly local: number;
  readonly values: readonly number[];
  readonly spawned: readonly number[];
}

export class AbstractState {
  readonly fingerprint = new Fingerprint();
  readonly #knowledge: Knowledge;
  /** By cell: the number of its value. */
  readonly #held: number[] = [];
  /** By agent. */
  readonly #at: number[] = [];
  #there: readonly number[] | null = null;

  /** As the run is now. */
  constructor(execution: Execution) {
    const { knowledge, store } = execution;
    this.#knowledge = knowledge;
    for (let cell = 0; cell < knowledge.cells.count; cell++) this.#held.push(store.valueOf(cell));
    for (let agent = 0; agent < knowledge.agents.length; agent++) this.#at.push(execution.local(agent));
  }

  readonly valueOf = (cell: number): number => {
    while (cell >= this.#held.length) this.#held.push(this.#knowledge.values.of(this.#knowledge.cells.untouched(this.#held.length)));
    return this.#held[cell] as number;
  };

  local(agent: number): number {
    return this.#at[agent] ?? ENDED;
  }

  /** Agents that have not ended. */
  get agents(): readonly number[] {
    this.#there ??= this.#at.flatMap((local, agent) => (local === ENDED ? [] : [agent]));
    return this.#there;
  }

  take(agent: number, { writes, written, next, spawned }: Outcome): Undo {
    const undo = { agent, local: this.local(agent), values: writes.map(this.valueOf), spawned: spawned.map((each) => this.local(each.agent)) };
    for (let index = 0; index < writes.length; index++) this.#write(writes[index] as number, written[index] as number);
    this.#move(agent, next);
    for (const each of spawned) this.#move(each.agent, each.local);
    return undo;
  }

  undo({ writes, spawned }: Outcome, { agent, local, values, spawned: former }: Undo): void {
    spawned.forEach((each, index) => this.#move(each.agent, former[index] ?? ENDED));
    this.#move(agent, local);
    for (let index = 0; index < writes.length; index++) this.#write(writes[index] as number, values[index] as number);
  }

  #write(cell: number, value: number): void {
    const before = this.valueOf(cell);
    if (before === value) return;
    this.fingerprint.toggle(cell, before);
    this.fingerprint.toggle(cell, value);
    this.#held[cell] = value;
  }

  #move(agent: number, local: number): void {
    const before = this.local(agent);
    if (before === local) return;
    this.fingerprint.toggle(-2 - agent, before);
    this.fingerprint.toggle(-2 - agent, local);
    while (this.#at.length <= agent) this.#at.push(ENDED);
    this.#at[agent] = local;
    if (before === ENDED || local === ENDED) this.#there = null;
  }
}
