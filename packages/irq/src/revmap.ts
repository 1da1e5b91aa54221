// The reverse map of a domain: from a hardware number to the virq. Low numbers in a linear table, others in a tree.
import type { StatePort } from '@siov/base';

export class Revmap {
  /** Entry 0: nothing; virqs start above. */
  readonly #linear: Uint32Array;
  readonly #tree: Map<number, number>;
  readonly #count: { linear: number };

  /** `size`: numbers below it are in the linear table (revmap_size). MSI domains have none: tree only. */
  constructor(state: StatePort, name: string, size: number) {
    this.#linear = state.words(`domain/${name}/linear`, size);
    this.#tree = state.map(`domain/${name}/revmap`);
    this.#count = state.record(`domain/${name}/mapped`, { linear: 0 });
  }

  /** How many numbers are mapped. */
  get size(): number {
    return this.#count.linear + this.#tree.size;
  }

  /** Numbers that the linear table holds. */
  get linearSize(): number {
    return this.#linear.length;
  }

  /** The virq of `hwirq`; 0 when it has none. */
  find(hwirq: number): number {
    return (hwirq < this.#linear.length ? this.#linear[hwirq] : this.#tree.get(hwirq)) ?? 0;
  }

  /** `hwirq` must not be mapped. */
  insert(hwirq: number, virq: number): void {
    if (hwirq >= this.#linear.length) {
      this.#tree.set(hwirq, virq);
      return;
    }
    this.#linear[hwirq] = virq;
    this.#count.linear += 1;
  }

  /** `hwirq` must be mapped. */
  delete(hwirq: number): void {
    if (hwirq >= this.#linear.length) {
      this.#tree.delete(hwirq);
      return;
    }
    this.#linear[hwirq] = 0;
    this.#count.linear -= 1;
  }
}
