// A map as cells: one for each key, and one for which keys there are and in which order.
import { ABSENT } from './cells.ts';
import type { Cells } from './cells.ts';
import type { CellStore } from './tracked-state.ts';

export interface MapOptions {
  readonly name: string;
  readonly cells: Cells;
  readonly store: CellStore;
  readonly keyName: (key: unknown) => string;
}

export function trackedMap<K, V>(options: MapOptions): Map<K, V> {
  return new TrackedMap<K, V>(options);
}

class TrackedMap<K, V> extends Map<K, V> {
  readonly #options: MapOptions;
  /** Its value: the keys, oldest first. */
  readonly #keys: number;
  readonly #cellOfKey = new Map<K, number>();

  constructor(options: MapOptions) {
    super();
    this.#options = options;
    this.#keys = options.cells.of(`${options.name}.keys`, NO_KEYS);
  }

  override get size(): number {
    return this.#order().length;
  }

  override get(key: K): V | undefined {
    const value = this.#options.store.read(this.#cell(key));
    return value === ABSENT ? undefined : (value as V);
  }

  override has(key: K): boolean {
    return this.#options.store.read(this.#cell(key)) !== ABSENT;
  }

  override set(key: K, value: V): this {
    const { store } = this.#options;
    const cell = this.#cell(key);
    if (store.read(cell) === ABSENT) store.write(this.#keys, [...this.#order(), key]);
    store.write(cell, value);
    return this;
  }

  override delete(key: K): boolean {
    const { store } = this.#options;
    const cell = this.#cell(key);
    if (store.read(cell) === ABSENT) return false;
    store.write(cell, ABSENT);
    store.write(this.#keys, this.#order().filter((each) => !Object.is(each, key)));
    return true;
  }

  override clear(): void {
    for (const key of this.#order()) this.#options.store.write(this.#cell(key), ABSENT);
    this.#options.store.write(this.#keys, NO_KEYS);
  }

  override *keys(): MapIterator<K> {
    yield* this.#order();
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  override *entries(): MapIterator<[K, V]> {
    // A key that goes while somebody iterates is not visited, one that comes is, as of any map.
    const seen = new Set<K>();
    let order = this.#order();
    for (let at = 0; at < order.length; at++) {
      const key = order[at] as K;
      if (seen.has(key)) continue;
      seen.add(key);
      yield [key, this.#options.store.read(this.#cell(key)) as V];
      const now = this.#order();
      if (now !== order) [order, at] = [now, -1];
    }
  }

  override [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  override forEach(each: (value: V, key: K, map: Map<K, V>) => void): void {
    for (const [key, value] of this.entries()) each(value, key, this);
  }

  #order(): readonly K[] {
    return this.#options.store.read(this.#keys) as readonly K[];
  }

  #cell(key: K): number {
    const known = this.#cellOfKey.get(key);
    if (known !== undefined) return known;
    const { name, cells, keyName } = this.#options;
    const made = cells.of(`${name}{${keyName(key)}}`);
    this.#cellOfKey.set(key, made);
    return made;
  }
}

const NO_KEYS: readonly never[] = Object.freeze([]);
