// The cells of one trial: while the machine is made they hold what is written; afterwards every step is answered from outside.
import { TrackedState } from '../../track/tracked-state.ts';
import type { CellStore } from '../../track/tracked-state.ts';
import { NotPlain } from '../../track/values.ts';
import type { Naming } from '../../track/values.ts';
import type { Book } from './book.ts';

/** Which of a cell's values it reads, by its code; `position`: how many cells this step has read before. */
export type Answer = (cell: number, position: number) => number;

/** What a step read first and wrote last, by the codes of the values. */
export interface Accesses {
  readonly reads: number[];
  readonly readCodes: number[];
  readonly writes: number[];
  readonly writeCodes: number[];
}

export class TrialStore implements CellStore {
  readonly #book: Book;
  readonly #objects = new Map<number, object>();
  readonly #ids = new WeakMap<object, number>();
  /** While the machine is made: what it holds. Then: what this step has written or read. */
  readonly #held = new Map<number, unknown>();
  readonly #numbers = new Map<number, number>();
  #answer: Answer | null = null;
  #making = true;
  /** At a new piece of state, to see how it is made: no read of the agent's. */
  #looking = false;
  #reads: number[] = [];
  #readCodes: number[] = [];

  constructor(book: Book) {
    this.#book = book;
  }

  get making(): boolean {
    return this.#making;
  }

  /** A piece of state has its name for its value. */
  named(piece: object, name: string): void {
    const value = this.#name(piece, `@${name}`);
    this.#looking = true;
    this.#book.piece(value, piece, name);
    this.#looking = false;
  }

  /** A name for an object that is the key of a map. */
  nameOf(object: object): string {
    return `object ${this.#number(object)}`;
  }

  /** The machine is made: what it holds is where every schedule starts. */
  made(): void {
    this.#book.begin(this.#numbers);
    this.#making = false;
    this.#clear();
  }

  record(answer: Answer, body: () => void): Accesses {
    this.#reads = [];
    this.#readCodes = [];
    this.#answer = answer;
    try {
      body();
      const writes = [...this.#numbers.keys()];
      const writeCodes = writes.map((cell) => this.#book.domains.code(cell, this.#numbers.get(cell) as number));
      return { reads: this.#reads, readCodes: this.#readCodes, writes, writeCodes };
    } finally {
      this.#answer = null;
      this.#clear();
    }
  }

  read(cell: number): unknown {
    if (this.#held.has(cell)) return this.#held.get(cell);
    const { cells, domains } = this.#book;
    if (this.#looking) return cells.untouched(cell);
    if (this.#answer === null) {
      if (this.#making) return cells.untouched(cell);
      throw new TypeError(`${cells.name(cell)} is read outside of a step`);
    }
    const code = this.#answer(cell, this.#reads.length);
    this.#reads.push(cell);
    this.#readCodes.push(code);
    const value = this.#book.materialise(domains.value(cell, code), (number) => this.#objects.get(number) ?? this.#another(number));
    this.#held.set(cell, value);
    return value;
  }

  write(cell: number, value: unknown): void {
    this.#numbers.set(cell, this.#number(value));
    this.#held.set(cell, value);
  }

  #clear(): void {
    this.#held.clear();
    this.#numbers.clear();
  }

  #number(value: unknown): number {
    if (typeof value !== 'object' && typeof value !== 'function') return this.#book.values.of(value);
    this.#foundObject = false;
    const number = this.#book.values.of(value, this.#naming);
    if (this.#foundObject) this.#book.hold(number);
    return number;
  }

  #foundObject = false;
  readonly #naming: Naming = {
    known: (object) => {
      const known = this.#ids.get(object);
      if (known !== undefined) this.#foundObject = true;
      return known;
    },
    name: (object) => {
      if (!this.#making) throw new NotPlain(`an agent puts ${object.constructor?.name ?? 'an object'} of its own into a cell`);
      const name = `made first ${this.#objects.size}`;
      this.#foundObject = true;
      this.#name(object, name);
      return name;
    },
  };

  /** One like a piece that another agent made, over the same cells. */
  #another(number: number): object | undefined {
    const recipe = this.#book.recipe(number);
    if (recipe === undefined) return undefined;
    let making = true;
    const store: CellStore = { read: (cell) => (making ? 0 : this.read(cell)), write: (cell, value) => void (making || this.write(cell, value)) };
    const piece = recipe(new TrackedState(this.#book.cells, store));
    making = false;
    this.#know(piece, number);
    this.#book.known(piece, number);
    return piece;
  }

  #name(object: object, name: string): number {
    const number = this.#book.name(object, name);
    this.#know(object, number);
    return number;
  }

  #know(object: object, number: number): void {
    this.#ids.set(object, number);
    this.#objects.set(number, object);
  }
}
