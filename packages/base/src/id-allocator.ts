// Ids of a bounded range, lowest free first: what the kernel's bitmaps and IDAs give, and what keeps state spaces small.
import { fail, ModelError, ok } from './errno.ts';
import type { Result } from './errno.ts';
import type { StatePort } from './state.ts';

export class IdAllocator {
  readonly #words: Uint32Array;
  readonly #state: { used: number };
  readonly #name: string;
  readonly first: number;
  readonly end: number;

  /** Ids are `first` (inclusive) to `end` (exclusive). */
  constructor(state: StatePort, name: string, range: { first: number; end: number }) {
    if (!(range.first >= 0 && range.first < range.end)) {
      throw new ModelError(`${name}: range ${range.first}..${range.end} is empty or negative`);
    }
    this.#name = name;
    this.first = range.first;
    this.end = range.end;
    this.#words = state.words(`ids/${name}/bitmap`, (range.end - range.first + 31) >>> 5);
    this.#state = state.record(`ids/${name}/count`, { used: 0 });
  }

  /** How many ids are taken. */
  get used(): number {
    return this.#state.used;
  }

  has(id: number): boolean {
    if (!this.#isId(id)) return false;
    const bit = id - this.first;
    return ((this.#words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }

  /** The lowest free id. `ENOSPC` when none is left. */
  alloc(): Result<number, 'ENOSPC'> {
    for (let index = 0; index < this.#words.length; index++) {
      const free = ~(this.#words[index] ?? 0);
      if (free === 0) continue;
      const id = this.first + index * 32 + (31 - Math.clz32(free & -free));
      if (id >= this.end) break;
      this.#mark(id);
      return ok(id);
    }
    return fail('ENOSPC', `${this.#name}: all ${this.end - this.first} ids are in use`);
  }

  /** Takes one given id. `ERANGE` outside the range, `EBUSY` when taken. */
  reserve(id: number): Result<number, 'ERANGE' | 'EBUSY'> {
    if (!this.#isId(id)) {
      return fail('ERANGE', `${this.#name}: ${id} is not in ${this.first}..${this.end - 1}`);
    }
    if (this.has(id)) return fail('EBUSY', `${this.#name}: ${id} is in use`);
    this.#mark(id);
    return ok(id);
  }

  /** Gives `id` back. Throws {@link ModelError} if it was not taken. */
  free(id: number): void {
    if (!this.has(id)) throw new ModelError(`${this.#name}: ${id} is freed but was not allocated`);
    const bit = id - this.first;
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
    this.#state.used -= 1;
  }

  #isId(id: number): boolean {
    return Number.isInteger(id) && id >= this.first && id < this.end;
  }

  #mark(id: number): void {
    const bit = id - this.first;
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    this.#state.used += 1;
  }
}
