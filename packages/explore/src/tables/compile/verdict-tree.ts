// A predicate as a decision tree in one Int32Array, walked over a packed state: what is not known yet is asked of the real
// predicate once and put into the tree.
import type { Field } from '../shape/layout.ts';

/** Holds. */
export const HOLDS = -1;
/** Does not hold. */
export const BROKEN = -2;

/** What a predicate reads of a state, in order, and whether it holds there. */
export interface Asked {
  readonly fields: readonly (Field & { readonly values: number })[];
  readonly codes: readonly number[];
  readonly holds: boolean;
}

const WORD = 0;
const SHIFT = 1;
const MASK = 2;
/** Where a node's children begin; 0: not known yet. */
const CHILDREN = 3;

export class VerdictTree {
  #nodes = new Int32Array(64);
  #used = 1;
  #root = 0;
  readonly #ask: (words: Int32Array, at: number) => Asked;

  constructor(ask: (words: Int32Array, at: number) => Asked) {
    this.#ask = ask;
  }

  /** Whether it holds in the state whose words begin at `at`. */
  holds(words: Int32Array, at: number): boolean {
    const nodes = this.#nodes;
    let node = this.#root;
    while (node > 0) {
      const word = words[at + (nodes[node + WORD] as number)] as number;
      const code = (word >>> (nodes[node + SHIFT] as number)) & (nodes[node + MASK] as number);
      node = nodes[node + CHILDREN + code] as number;
    }
    if (node === HOLDS) return true;
    if (node === BROKEN) return false;
    return this.#learn(this.#ask(words, at));
  }

  #learn({ fields, codes, holds }: Asked): boolean {
    let put = (node: number): void => void (this.#root = node);
    let node = this.#root;
    for (const [depth, field] of fields.entries()) {
      if (node === 0) put((node = this.#node(field)));
      const child = node + CHILDREN + (codes[depth] as number);
      put = (made) => void (this.#nodes[child] = made);
      node = this.#nodes[child] as number;
    }
    put(holds ? HOLDS : BROKEN);
    return holds;
  }

  #node({ word, shift, mask, values }: Field & { readonly values: number }): number {
    const made = this.#used;
    this.#used += CHILDREN + values;
    if (this.#used > this.#nodes.length) {
      const larger = new Int32Array(2 * this.#used);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    this.#nodes[made + WORD] = word;
    this.#nodes[made + SHIFT] = shift;
    this.#nodes[made + MASK] = mask;
    return made;
  }
}
