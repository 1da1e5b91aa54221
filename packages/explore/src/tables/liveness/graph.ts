// The graph of all states, after the search: who can do what where. Nothing of it is stored; every edge is made when asked for.
import { STEP } from '../compile/kernel-source.ts';
import type { Tables } from '../compile/tables.ts';
import type { VerdictTree } from '../compile/verdict-tree.ts';
import type { Searched } from '../search/breadth-first.ts';

/** Not the number of a state. */
export const EDGE = { waits: 0, looks: -1, throws: -2 } as const;

export class Graph {
  readonly slots: number;
  /** Numbers of states are below it. */
  readonly end: number;
  readonly #tables: Tables;
  readonly #searched: Searched;
  readonly #look: () => void;
  #edges = 0;

  /** `look` is called now and then; it may throw. */
  constructor(tables: Tables, searched: Searched, look: () => void) {
    this.#look = look;
    this.#tables = tables;
    this.#searched = searched;
    this.slots = tables.layout.slots.length;
    this.end = searched.table.taken;
  }

  get levels(): readonly number[] {
    return this.#searched.levels;
  }

  /** The state that a step leads to, or an {@link EDGE}. */
  edge(state: number, slot: number): number {
    if ((++this.#edges & LOOK_EVERY) === 0) this.#look();
    const { kernel, layout } = this.#tables;
    const { states, index } = this.#searched.table;
    switch (kernel.step(states, state * layout.words, slot)) {
      case STEP.moves:
        return kernel.find(states, index, kernel.next);
      case STEP.looks:
        return EDGE.looks;
      case STEP.throws:
        return EDGE.throws;
      default:
        return EDGE.waits;
    }
  }

  /** No run gets away from it. */
  stuck(state: number): boolean {
    for (let slot = 0; slot < this.slots; slot++) {
      const edge = this.edge(state, slot);
      if (edge > 0 || edge === EDGE.throws) return false;
    }
    return true;
  }

  holds(tree: VerdictTree, state: number): boolean {
    return tree.holds(this.#searched.table.states, state * this.#tables.layout.words);
  }
}

/** Edges, less one. */
const LOOK_EVERY = 0x3ffff;
