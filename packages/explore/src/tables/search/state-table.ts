// All states seen, in the order they were found, and an open-addressed index over them. A level of the breadth-first search is a
// stretch of numbers. State 0 is nobody's: it stands for an empty place of the index.
import type { Kernel } from '../compile/kernel-source.ts';

export class StateTable {
  readonly #kernel: Kernel;
  readonly #words: number;
  states: Int32Array;
  index: Int32Array;
  /** The number that the next new state gets. */
  taken = 1;

  constructor(kernel: Kernel, words: number) {
    this.#kernel = kernel;
    this.#words = words;
    // Memory that nothing was written to costs nothing.
    this.states = new Int32Array(FIRST_STATES * words);
    this.index = new Int32Array(FIRST_INDEX);
  }

  /** States found. */
  get count(): number {
    return this.taken - 1;
  }

  /** Makes room for `more` states. */
  reserve(more: number): void {
    const wanted = this.taken + more;
    if (wanted * this.#words > this.states.length) {
      const larger = new Int32Array(2 * this.states.length);
      larger.set(this.states.subarray(0, this.taken * this.#words));
      this.states = larger;
    }
    if (wanted <= this.index.length * FULLEST) return;
    let places = Math.max(this.index.length, FIRST_INDEX);
    while (wanted > places * FULLEST) places *= places < MANY ? 8 : 2;
    this.index = new Int32Array(places);
    this.#kernel.fill(this.states, this.index, this.taken);
  }

  /** Puts in what was there once: `states` below `taken`. */
  restore(states: Int32Array, taken: number): void {
    this.states = new Int32Array(Math.max(2 * states.length, this.states.length));
    this.states.set(states);
    this.taken = taken;
    this.index = new Int32Array(0);
    this.reserve(1);
  }

  /** The number of a state, which is put in if it is not there. */
  add(words: Int32Array): number {
    this.reserve(1);
    const number = this.#kernel.add(this.states, this.index, words, this.taken);
    if (number > 0) this.taken += 1;
    return Math.abs(number);
  }
}

const FIRST_STATES = 1 << 22;
const FIRST_INDEX = 1 << 14;
const MANY = 1 << 21;
const FULLEST = 0.6;
