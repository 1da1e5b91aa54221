// A CPU's local APIC: which vectors are requested and not taken yet. On the way of every interrupt, so nothing is made here.
import type { StatePort } from '@siov/base';

export class LocalApic {
  /** The interrupt request register: bit n of 256 for vector n. */
  readonly irr: Uint32Array;
  /** Whether there is anything to take. A function of its own, for whoever waits asks it over and over. */
  readonly any: () => boolean;
  /** Bit n of `requested`: word n of the register is not 0. */
  readonly #state: { enabled: boolean; requested: number; spurious: number };

  constructor(state: StatePort, name: string) {
    this.irr = state.words(`${name}/irr`, 8);
    const own = state.record(`${name}/apic`, { enabled: false, requested: 0, spurious: 0 });
    this.#state = own;
    this.any = () => own.requested !== 0;
  }

  /** Interrupts taken on vectors nobody owned. */
  get spurious(): number {
    return this.#state.spurious;
  }

  countSpurious(): void {
    this.#state.spurious += 1;
  }

  enable(): void {
    this.#state.enabled = true;
  }

  /** What is requested is lost, and so is what comes. */
  disable(): void {
    this.#state.enabled = false;
    this.#state.requested = 0;
    this.irr.fill(0);
  }

  /** One bit a vector: a second edge before the first is taken is the same edge. */
  request(vector: number): void {
    const state = this.#state;
    if (!state.enabled) return;
    this.irr[vector >>> 5] = wordOf(this.irr, vector) | (1 << (vector & 31));
    state.requested |= 1 << (vector >>> 5);
  }

  drop(vector: number): void {
    const left = wordOf(this.irr, vector) & ~(1 << (vector & 31));
    this.irr[vector >>> 5] = left;
    if (left === 0) this.#state.requested &= ~(1 << (vector >>> 5));
  }

  requested(vector: number): boolean {
    return ((wordOf(this.irr, vector) >>> (vector & 31)) & 1) === 1;
  }

  /** Takes the highest requested vector; -1 when there is none. */
  take(): number {
    const index = 31 - Math.clz32(this.#state.requested);
    if (index < 0) return -1;
    const vector = index * 32 + 31 - Math.clz32(this.irr[index] as number);
    this.drop(vector);
    return vector;
  }
}

/** The word with the bit of `vector`, as a 32-bit integer. */
function wordOf(words: Uint32Array, vector: number): number {
  return (words[vector >>> 5] as number) | 0;
}
