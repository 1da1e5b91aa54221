// A state port whose every read and write is a cell's, and goes to a store: what agents share under the explorer.
import { ModelError } from '@siov/base';
import type { StatePort } from '@siov/base';
import { ABSENT } from './cells.ts';
import type { Cells } from './cells.ts';
import { trackedMap } from './tracked-map.ts';
import { trackedWords } from './tracked-words.ts';

/** Where cells live during a run. */
export interface CellStore {
  read(cell: number): unknown;
  write(cell: number, value: unknown): void;
}

export interface TrackedOptions {
  /** Told of every record, words and map made, by its name. */
  readonly made?: (piece: object, name: string) => void;
  /** Whether accesses are recorded now. What a word holds anyway need not be written to it while they are not. */
  readonly recording?: () => boolean;
  /** A name for an object that is a map's key, and has none of its own. */
  readonly nameOf?: (object: object) => string;
}

export class TrackedState implements StatePort {
  readonly interleaved = true;
  readonly #cells: Cells;
  readonly #store: CellStore;
  readonly #made: (piece: object, name: string) => void;
  readonly #recording: () => boolean;
  readonly #nameOf: ((object: object) => string) | undefined;

  constructor(cells: Cells, store: CellStore, options: TrackedOptions = {}) {
    this.#cells = cells;
    this.#store = store;
    this.#made = options.made ?? (() => {});
    this.#recording = options.recording ?? (() => true);
    this.#nameOf = options.nameOf;
  }

  record<T extends object>(name: string, initial: T): T {
    const own = this.#incarnation(name);
    const record: object = {};
    const store = this.#store;
    const cells = this.#cells.group(`${own}.`);
    for (const [index, [field, value]] of Object.entries(initial).entries()) {
      const cell = (cells[index] ??= this.#cells.of(`${own}.${field}`));
      Object.defineProperty(record, field, {
        enumerable: true,
        get: () => store.read(cell),
        set: (changed: unknown) => {
          store.write(cell, changed);
        },
      });
      store.write(cell, value);
    }
    // A field that was not declared would be state that nobody sees.
    Object.preventExtensions(record);
    this.#name(record, own);
    return record as T;
  }

  words(name: string, length: number, initial = 0): Uint32Array {
    const own = this.#incarnation(name);
    const words = trackedWords({ name: own, length, initial: initial >>> 0, cells: this.#cells, store: this.#store, recording: this.#recording });
    this.#name(words, own);
    return words;
  }

  map<K, V>(name: string): Map<K, V> {
    const own = this.#incarnation(name);
    const map = trackedMap<K, V>({ name: own, cells: this.#cells, store: this.#store, keyName: (key) => this.#keyName(key) });
    this.#name(map, own);
    return map;
  }

  /** Pieces that are made under a name that was there before are others: somebody may still hold the former one. */
  #incarnation(name: string): string {
    const cell = this.#cells.of(`made ${name}`, 0);
    const made = this.#store.read(cell) as number;
    this.#store.write(cell, made + 1);
    return made === 0 ? name : `${name}~${made + 1}`;
  }

  grant(): boolean {
    return true;
  }

  #name(piece: object, name: string): void {
    this.#names.set(piece, name);
    this.#made(piece, name);
  }

  readonly #names = new WeakMap<object, string>();

  /** Keys that are objects are told apart by their names. */
  #keyName(key: unknown): string {
    if (typeof key === 'string') return JSON.stringify(key);
    if (typeof key === 'bigint') return `${key}n`;
    if (typeof key === 'number' || typeof key === 'boolean' || key === undefined || key === null) return `${key}`;
    if (typeof key === 'symbol') return key.toString();
    if (typeof key !== 'object' && typeof key !== 'function') throw new ModelError('a map’s key is of no known type');
    const own = this.#names.get(key);
    if (own !== undefined) return `<${own}>`;
    if (this.#nameOf === undefined) throw new ModelError(`a map's key is an object that no other run can have: ${key.constructor.name}`);
    return `<${this.#nameOf(key)}>`;
  }
}

export { ABSENT };
