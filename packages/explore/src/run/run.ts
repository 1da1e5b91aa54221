// A run of a model under somebody's hand: one step of one agent at a time, on the real code, with all it reads and writes.
import { ModelError } from '@siov/base';
import type { Model, Predicate, Property } from '../model.ts';
import type { CellValue, ScheduleStep } from '../report.ts';
import { ABSENT } from '../track/cells.ts';
import { Execution } from './execution.ts';
import { Knowledge } from './knowledge.ts';

export class Run {
  readonly #execution: Execution;
  readonly #knowledge: Knowledge;

  constructor(model: Model, knowledge = new Knowledge()) {
    this.#knowledge = knowledge;
    this.#execution = new Execution(model, knowledge, true);
    // What happened before the first step is no step's.
    this.#execution.machine.notes?.();
  }

  get properties(): readonly Property[] {
    return this.#execution.machine.properties;
  }

  /** Agents that are there, in the order of their coming. */
  get agents(): string[] {
    return this.#execution.agents.map((agent) => this.#name(agent));
  }

  /** Agents that can go on. */
  enabled(): string[] {
    return this.#execution.agents.filter((agent) => this.#execution.ready(agent)).map((agent) => this.#name(agent));
  }

  /** Where an agent is: what it does next. */
  point(agent: string): { readonly kind: string; readonly what: string } {
    const { kind, what } = this.#execution.point(this.#number(agent));
    return { kind, what };
  }

  /** Throws ModelError when there is no such agent, or it waits. */
  step(agent: string): ScheduleStep {
    const number = this.#number(agent);
    const { kind, what } = this.#execution.point(number);
    const { store } = this.#execution;
    const before = new Map<number, unknown>();
    const { reads, readValues, writes, written, blocked, threw } = this.#execution.step(number, (cell) => before.set(cell, store.peek(cell)));
    if (blocked) throw new ModelError(`${agent} waits for ${what}: it has no step`);
    const { values } = this.#knowledge;
    return {
      agent,
      kind,
      what,
      reads: reads.map((cell, index) => ({ cell: this.#cell(cell), value: plain(values.at(readValues[index] as number)) })),
      writes: writes.map((cell, index) => ({ cell: this.#cell(cell), before: plain(before.get(cell)), after: plain(values.at(written[index] as number)) })),
      ...this.#notes(),
      ...(threw === null ? {} : { threw }),
    };
  }

  /** What a predicate says is broken now; null: it holds. */
  violation(name: string, predicate: Predicate): string | null {
    return this.#execution.judge(name, predicate).violation;
  }

  /** Agents that wait, and for what. */
  waiting(): { readonly agent: string; readonly for: string }[] {
    const waiting = this.#execution.agents.filter((agent) => !this.#execution.ready(agent));
    return waiting.map((agent) => ({ agent: this.#name(agent), for: this.#execution.point(agent).what }));
  }

  #notes(): { readonly notes?: readonly string[] } {
    const notes = this.#execution.machine.notes?.() ?? [];
    return notes.length === 0 ? {} : { notes };
  }

  #name(agent: number): string {
    return this.#knowledge.agents[agent] ?? '';
  }

  #number(agent: string): number {
    const number = this.#execution.agents.find((each) => this.#name(each) === agent);
    if (number === undefined) throw new ModelError(`there is no agent ${agent}; there are ${this.agents.join(', ') || 'none'}`);
    return number;
  }

  #cell(cell: number): string {
    return this.#knowledge.cells.name(cell);
  }
}

/** Deeper, values are told by their class: they may hold each other. */
const DEPTH = 4;

/** A value as a person and a file can have it. */
export function plain(value: unknown, depth = DEPTH): CellValue {
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (value === undefined) return 'undefined';
  if (value === ABSENT) return 'absent';
  if (typeof value === 'symbol') return value.toString();
  if (typeof value === 'function') return `function ${value.name}`.trim();
  if (depth === 0) return '...';
  if (Array.isArray(value)) return value.map((each) => plain(each, depth - 1));
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return nameOf(value);
  // A record of the state port: its cells are told by themselves.
  if (Object.values(Object.getOwnPropertyDescriptors(value)).some(({ get }) => get !== undefined)) return 'a record';
  return Object.fromEntries(Object.entries(value).map(([field, each]) => [field, plain(each, depth - 1)]));
}

function nameOf(value: object): string {
  const type = value.constructor?.name ?? 'object';
  return 'name' in value && typeof value.name === 'string' ? `${type} ${value.name}` : type;
}
