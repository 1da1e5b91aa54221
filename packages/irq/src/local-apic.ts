// A CPU's local APIC: which vectors are requested and not taken yet. On the way of every interrupt, so nothing is made here.
import type { StatePort } from '@siov/base';

export class LocalApic {
  /** The interrupt request register: bit n of 256 for vector n. */
  readonly irr: Uint32Array;
  readonly #state: { enabled: boolean; spurious: number };

  constructor(state: StatePort, name: string) {
    this.irr = state.words(`${name}/irr`, 8);
    this.#state = state.record(`${name}/apic`, { enabled: false, spurious: 0 });
  }

  get enabled(): boolean {
    return this.#state.enabled;
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
    this.irr.fill(0);
  }

  /** One bit a vector: a second edge before the first is taken is the same edge. */
  request(vector: number): void {
    if (this.#state.enabled) this.irr[vector >>> 5] = (this.irr[vector >>> 5] ?? 0) | (1 << (vector & 31));
  }

  drop(vector: number): void {
    this.irr[vector >>> 5] = (this.irr[vector >>> 5] ?? 0) & ~(1 << (vector & 31));
  }

  requested(vector: number): boolean {
    return (((this.irr[vector >>> 5] ?? 0) >>> (vector & 31)) & 1) === 1;
  }

  /** Takes the highest requested vector; -1 when there is none. */
  take(): number {
    for (let word = 7; word >= 0; word--) {
      const bits = (this.irr[word] ?? 0) | 0;
      if (bits === 0) continue;
      const bit = 31 - Math.clz32(bits);
      this.irr[word] = bits & ~(1 << bit);
      return word * 32 + bit;
    }
    return -1;
  }

  /** Whether there is anything to take. */
  any(): boolean {
    for (let word = 0; word < 8; word++) if (this.irr[word] !== 0) return true;
    return false;
  }
}
