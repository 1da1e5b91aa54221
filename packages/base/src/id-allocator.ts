// Ids of a bounded range, lowest free first: what the kernel's bitmaps and IDAs give, and what keeps state spaces small.
// A tree of bitmaps, each bit of a level saying that a word of the level below is full: any call takes one word a level.
import { fail, ModelError, ok } from './errno.ts';
import type { Result } from './errno.ts';
import type { StatePort } from './state.ts';

const FULL = 0xffffffff;

export class IdAllocator {
  /** The leaves (a bit an id, set: taken) first, the root, one word, last. */
  readonly #levels: readonly Uint32Array[];
  readonly #state: { used: number };
  readonly #grant: () => boolean;
  readonly #name: string;
  readonly first: number;
  readonly end: number;

  /** Ids are `first` (inclusive) to `end` (exclusive). `name` is also what the machine is asked for (StatePort.grant). */
  constructor(state: StatePort, name: string, range: { first: number; end: number }) {
    if (!(range.first >= 0 && range.first < range.end)) {
      throw new ModelError(`${name}: range ${range.first}..${range.end} is empty or negative`);
    }
    this.#name = name;
    this.first = range.first;
    this.end = range.end;
    this.#levels = makeLevels(state, name, range.end - range.first);
    this.#state = state.record(`ids/${name}/count`, { used: 0 });
    this.#grant = () => state.grant(name);
  }

  /** How many ids are taken. */
  get used(): number {
    return this.#state.used;
  }

  has(id: number): boolean {
    if (!this.#isId(id)) return false;
    const bit = id - this.first;
    return ((word(this.#levels[0], bit >>> 5) >>> (bit & 31)) & 1) === 1;
  }

  /** The lowest free id. `ENOSPC` when none is left. */
  alloc(): Result<number, 'ENOSPC'> {
    if (this.#state.used === this.end - this.first || !this.#grant()) {
      return fail('ENOSPC', `${this.#name}: all ${this.end - this.first} ids are in use`);
    }
    let index = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const free = ~word(this.#levels[level], index);
      index = index * 32 + (31 - Math.clz32(free & -free));
    }
    this.#mark(index);
    return ok(this.first + index);
  }

  /** Takes one given id. `ERANGE` outside the range, `EBUSY` when taken, `ENOSPC` when the machine gives no more. */
  reserve(id: number): Result<number, 'ERANGE' | 'EBUSY' | 'ENOSPC'> {
    if (!this.#isId(id)) {
      return fail('ERANGE', `${this.#name}: ${id} is not in ${this.first}..${this.end - 1}`);
    }
    if (this.has(id)) return fail('EBUSY', `${this.#name}: ${id} is in use`);
    if (!this.#grant()) return fail('ENOSPC', `${this.#name}: no id is left`);
    this.#mark(id - this.first);
    return ok(id);
  }

  /** Gives `id` back. Throws {@link ModelError} if it was not taken. */
  free(id: number): void {
    if (!this.has(id)) throw new ModelError(`${this.#name}: ${id} is freed but was not allocated`);
    let bit = id - this.first;
    for (const words of this.#levels) {
      words[bit >>> 5] = word(words, bit >>> 5) & ~(1 << (bit & 31));
      bit >>>= 5;
    }
    this.#state.used -= 1;
  }

  /** Every id free again: what belongs to an owner that is gone. */
  clear(): void {
    this.#levels.forEach((words, level) => words.set(initialWords(this.end - this.first, level)));
    this.#state.used = 0;
  }

  #isId(id: number): boolean {
    return Number.isInteger(id) && id >= this.first && id < this.end;
  }

  #mark(taken: number): void {
    let bit = taken;
    for (const words of this.#levels) {
      const marked = word(words, bit >>> 5) | (1 << (bit & 31));
      words[bit >>> 5] = marked;
      if (marked >>> 0 !== FULL) break;
      bit >>>= 5;
    }
    this.#state.used += 1;
  }
}

function word(words: Uint32Array | undefined, index: number): number {
  return words?.[index] ?? 0;
}

/** Bits of `level` for `size` ids. */
function bitsOf(size: number, level: number): number {
  let bits = size;
  for (let up = 0; up < level; up++) bits = (bits + 31) >>> 5;
  return bits;
}

function makeLevels(state: StatePort, name: string, size: number): Uint32Array[] {
  const levels: Uint32Array[] = [];
  for (let level = 0; level === 0 || bitsOf(size, level) > 1; level++) {
    const initial = initialWords(size, level);
    const words = state.words(`ids/${name}/bitmap${level}`, initial.length);
    words.set(initial);
    levels.push(words);
  }
  return levels;
}

/** Nothing taken; bits behind the last one are, so that nobody looks there. */
function initialWords(size: number, level: number): Uint32Array {
  const bits = bitsOf(size, level);
  const words = new Uint32Array((bits + 31) >>> 5);
  if (bits % 32 !== 0) words[words.length - 1] = (FULL << bits % 32) >>> 0;
  return words;
}
