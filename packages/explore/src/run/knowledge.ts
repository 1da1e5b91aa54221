// What was learned about the agents of a model, by all runs of it: what each does next, by where it is and what it reads.
import type { PointKind } from '@siov/base';
import { Cells } from '../track/cells.ts';
import { Values } from '../track/values.ts';

/** What one step did, given what it read. */
export interface Outcome {
  readonly number: number;
  /** Cells first read before they were written, and the numbers of their values. */
  readonly reads: readonly number[];
  readonly readValues: readonly number[];
  readonly writes: readonly number[];
  readonly written: readonly number[];
  /** Where the agent is afterwards; {@link ENDED}. */
  readonly next: number;
  /** It waits: nothing happened. */
  readonly blocked: boolean;
  /** What it threw. */
  readonly threw: string | null;
  /** Agents that came with it, and where they are. */
  readonly spawned: readonly { readonly agent: number; readonly local: number }[];
}

/** What a predicate said, given what it read. */
export interface Judgement {
  readonly reads: readonly number[];
  readonly readValues: readonly number[];
  /** Null: it holds. */
  readonly violation: string | null;
}

interface Branch<T> {
  readonly cell: number;
  readonly by: Map<number, Branch<T> | T>;
}

/** A decision tree over cells: code that is deterministic reads the same cell next, as long as it has read the same values. */
export class Decisions<T extends { readonly reads: readonly number[]; readonly readValues: readonly number[] }> {
  #root: Branch<T> | T | null = null;
  /** All that were read. */
  readonly cells = new Set<number>();

  /** What is known for what the cells hold (`valueOf`); null: nothing yet. */
  find(valueOf: (cell: number) => number): T | null {
    let at = this.#root;
    while (at !== null && 'by' in at) at = at.by.get(valueOf(at.cell)) ?? null;
    return at;
  }

  /** Adds what was learned. A leaf that is there already is returned instead; code that read other cells than before throws. */
  add(leaf: T, describe: (cell: number) => string): T {
    const { reads, readValues } = leaf;
    for (const cell of reads) this.cells.add(cell);
    let parent: Branch<T> | null = null;
    let at = this.#root;
    for (let depth = 0; depth <= reads.length; depth++) {
      if (depth === reads.length) {
        if (at === null) this.#put(parent, readValues[depth - 1], leaf);
        else if ('by' in at) throw new Error(`it reads ${describe(at.cell)} one time and not the other, having read the same before`);
        else return at;
        return leaf;
      }
      const cell = reads[depth] as number;
      if (at === null) {
        const branch: Branch<T> = { cell, by: new Map() };
        this.#put(parent, readValues[depth - 1], branch);
        at = branch;
      }
      if (!('by' in at)) throw new Error(`it reads ${describe(cell)} one time and not the other, having read the same before`);
      if (at.cell !== cell) throw new Error(`it reads ${describe(cell)} one time and ${describe(at.cell)} the other, having read the same before`);
      parent = at;
      at = at.by.get(readValues[depth] as number) ?? null;
    }
    return leaf;
  }

  #put(parent: Branch<T> | null, value: number | undefined, what: Branch<T> | T): void {
    if (parent === null) this.#root = what;
    else parent.by.set(value as number, what);
  }
}

/** Of an agent that is not there: it has ended, or has not come yet. */
export const ENDED = -1;

/** Where an agent can be, as its history tells: what it has read since it started, or since it last forgot. */
export interface Local {
  readonly number: number;
  readonly agent: number;
  readonly kind: PointKind;
  readonly what: string;
  readonly outcomes: Decisions<Outcome>;
  /** Each outcome once. */
  readonly known: Outcome[];
  /** Of one that has polled: where, since which place, and what it has read since it last did. */
  readonly poll: { readonly what: string; readonly base: number; readonly since: string } | null;
  /** It may come here again, as it forgets here, or polls. */
  readonly returns: boolean;
}

export class Knowledge {
  readonly cells = new Cells();
  readonly values = new Values();
  readonly locals: Local[] = [];
  readonly agents: string[] = [];
  readonly daemons: boolean[] = [];
  readonly #byKey = new Map<string, Local>();
  readonly #agentByName = new Map<string, number>();
  outcomes = 0;

  agent(name: string, daemon: boolean): number {
    const known = this.#agentByName.get(name);
    if (known !== undefined) return known;
    const made = this.agents.length;
    this.agents.push(name);
    this.daemons.push(daemon);
    this.#agentByName.set(name, made);
    return made;
  }

  local(number: number): Local {
    return this.locals[number] as Local;
  }

  /** The place with this key; made where it is new. */
  place(key: string, made: Omit<Local, 'number' | 'outcomes' | 'known'>): Local {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const local: Local = { ...made, number: this.locals.length, outcomes: new Decisions(), known: [] };
    this.locals.push(local);
    this.#byKey.set(key, local);
    return local;
  }
}
