// What each agent may still read and write from where it is, as far as is known: from it follows whose steps can be left
// for later because nobody's order with them matters.
import { ENDED } from '../run/knowledge.ts';
import type { Knowledge, Outcome } from '../run/knowledge.ts';

/** What one step touches, as bits: places of what it reads, and of what it writes. */
interface Touched {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

export class Footprints {
  readonly version: number;
  readonly #knowledge: Knowledge;
  readonly #bitOf = new Map<number, number>();
  readonly #words: number;
  /** By local: everything it or what follows touches, and what it or what follows writes. */
  readonly #touch: Uint32Array;
  readonly #write: Uint32Array;
  readonly #locals: number;
  readonly #watched: readonly ReadonlySet<number>[];
  readonly #touched: Touched[] = [];

  /**
   * `watched`: for each property the cells it reads: steps that write them are kept in order, and so what is seen of them.
   */
  constructor(knowledge: Knowledge, watched: readonly ReadonlySet<number>[], version = 0) {
    this.version = version;
    this.#knowledge = knowledge;
    // As they are now: they grow.
    this.#watched = watched.map((cells) => new Set(cells));
    for (const { known } of knowledge.locals) for (const outcome of known) for (const cell of outcome.writes) this.#bit(cell);
    watched.forEach((_, property) => this.#bit(-1 - property));
    this.#words = Math.max(1, Math.ceil(this.#bitOf.size / 32));
    this.#locals = knowledge.locals.length;
    this.#touch = new Uint32Array(this.#locals * this.#words);
    this.#write = new Uint32Array(this.#locals * this.#words);
    while (this.#propagate());
  }

  /** Whether a step of one agent and anything that another may still do from `local` make a difference to each other. */
  conflicts(step: Outcome, local: number): boolean {
    if (local >= this.#locals) return false;
    const { reads, writes } = this.#of(step);
    const base = local * this.#words;
    for (const bit of reads) if (has(this.#write, base, bit)) return true;
    for (const bit of writes) if (has(this.#touch, base, bit)) return true;
    return false;
  }

  /** Whether what is known now is what was known when this was made. */
  stillTrue(watched: readonly ReadonlySet<number>[]): boolean {
    if (this.#knowledge.locals.length !== this.#locals) return false;
    const now = new Footprints(this.#knowledge, watched);
    return now.#words === this.#words && now.#bitOf.size === this.#bitOf.size && same(now.#touch, this.#touch) && same(now.#write, this.#write);
  }

  #propagate(): boolean {
    let changed = false;
    // What follows was mostly found later: from the last to the first one pass does nearly all.
    for (let local = this.#locals - 1; local >= 0; local--) {
      for (const outcome of this.#knowledge.local(local).known) {
        const { reads, writes } = this.#of(outcome);
        const base = local * this.#words;
        for (const bit of reads) changed = set(this.#touch, base, bit) || changed;
        for (const bit of writes) {
          changed = set(this.#touch, base, bit) || changed;
          changed = set(this.#write, base, bit) || changed;
        }
        if (outcome.next !== ENDED) changed = this.#include(local, outcome.next) || changed;
        for (const { local: spawned } of outcome.spawned) if (spawned !== ENDED) changed = this.#include(local, spawned) || changed;
      }
    }
    return changed;
  }

  #include(local: number, following: number): boolean {
    let changed = false;
    const words = this.#words;
    for (let word = 0; word < words; word++) {
      for (const bits of [this.#touch, this.#write]) {
        const before = bits[local * words + word] as number;
        const after = (before | (bits[following * words + word] as number)) >>> 0;
        if (after !== before) changed = true;
        bits[local * words + word] = after;
      }
    }
    return changed;
  }

  #of(outcome: Outcome): Touched {
    return (this.#touched[outcome.number] ??= this.#touchedBy(outcome));
  }

  #touchedBy({ reads, writes }: Outcome): Touched {
    const bits = (cells: readonly number[]) => cells.flatMap((cell) => this.#bitOf.get(cell) ?? []);
    const seen = this.#watched.flatMap((cells, property) => (writes.some((cell) => cells.has(cell)) ? [this.#bitOf.get(-1 - property) as number] : []));
    return { reads: bits(reads), writes: [...bits(writes), ...seen] };
  }

  #bit(cell: number): void {
    if (!this.#bitOf.has(cell)) this.#bitOf.set(cell, this.#bitOf.size);
  }
}

function has(bits: Uint32Array, base: number, bit: number): boolean {
  return (((bits[base + (bit >>> 5)] as number) >>> (bit & 31)) & 1) !== 0;
}

function set(bits: Uint32Array, base: number, bit: number): boolean {
  const word = base + (bit >>> 5);
  const before = bits[word] as number;
  bits[word] = before | (1 << (bit & 31));
  return bits[word] !== before;
}

function same(one: Uint32Array, other: Uint32Array): boolean {
  return one.length === other.length && one.every((word, index) => word === other[index]);
}
