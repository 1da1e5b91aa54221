// The cells of one run of the real code: what they hold, and what was read and written since somebody last asked.
import { ABSENT } from '../track/cells.ts';
import type { Cells } from '../track/cells.ts';
import type { CellStore } from '../track/tracked-state.ts';
import type { Naming, Values } from '../track/values.ts';

/** First reads of cells that were not written before, in order, and which cells were written. */
export interface Accesses {
  readonly reads: readonly number[];
  /** Numbers of the values read, by {@link reads}. */
  readonly readValues: readonly number[];
  readonly writes: readonly number[];
}

export interface Snapshot {
  readonly held: readonly unknown[];
  readonly ids: readonly number[];
}

export class LiveStore implements CellStore {
  readonly #cells: Cells;
  readonly #values: Values;
  readonly #held: unknown[] = [];
  readonly #ids: number[] = [];
  readonly #readIn: number[] = [];
  readonly #writtenIn: number[] = [];
  #stretch = 0;
  #recording = false;
  #reads: number[] = [];
  #readValues: number[] = [];
  #writes: number[] = [];
  /** Of objects that are no plain data: numbers of their names; of plain ones that were numbered: their numbers. */
  readonly #known = new WeakMap<object, number>();
  #writing: ((cell: number) => void) | undefined;
  #names = (): string => {
    throw new TypeError('nothing has a name yet');
  };

  constructor(cells: Cells, values: Values) {
    this.#cells = cells;
    this.#values = values;
  }

  /** How objects that come into a cell for the first time are called from now on: one name a call. */
  nameBy(names: () => string): void {
    this.#names = names;
  }

  /** A piece of state is called what it is called. */
  named(object: object, name: string): void {
    this.#known.set(object, this.#values.named(`@${name}`, object));
  }

  /** What an object is called, in every run. */
  nameOf(object: object): string {
    return `#${this.#number(object)}`;
  }

  /** What all cells hold, to be put back by {@link restore}. */
  snapshot(): Snapshot {
    return { held: [...this.#held], ids: [...this.#ids] };
  }

  restore({ held, ids }: Snapshot): void {
    for (let cell = 0; cell < this.#held.length; cell++) {
      const untouched = this.#cells.untouched(cell);
      this.#held[cell] = cell < held.length ? held[cell] : untouched;
      this.#ids[cell] = cell < ids.length ? (ids[cell] as number) : this.#number(untouched);
    }
  }

  /** Who is told of a cell before it is first written in a stretch. */
  beforeWriting(writing: ((cell: number) => void) | undefined): void {
    this.#writing = writing;
  }

  /** What a cell holds, without having read it. */
  peek(cell: number): unknown {
    if (cell >= this.#held.length) this.#extend();
    return this.#held[cell];
  }

  read(cell: number): unknown {
    if (cell >= this.#held.length) this.#extend();
    if (this.#recording && this.#writtenIn[cell] !== this.#stretch && this.#readIn[cell] !== this.#stretch) {
      this.#readIn[cell] = this.#stretch;
      this.#reads.push(cell);
      this.#readValues.push(this.#ids[cell] as number);
    }
    return this.#held[cell];
  }

  write(cell: number, value: unknown): void {
    if (cell >= this.#held.length) this.#extend();
    if (this.#recording && this.#writtenIn[cell] !== this.#stretch) {
      this.#writtenIn[cell] = this.#stretch;
      this.#writes.push(cell);
      this.#writing?.(cell);
    }
    this.#held[cell] = value;
    this.#ids[cell] = this.#number(value);
  }

  /** The number of what a cell holds. */
  valueOf(cell: number): number {
    if (cell >= this.#held.length) this.#extend();
    return this.#ids[cell] as number;
  }

  get recording(): boolean {
    return this.#recording;
  }

  /** Runs `body` and tells what it read and wrote. */
  record<T>(body: (so: Accesses) => T): { readonly result: T; readonly accesses: Accesses } {
    this.#stretch += 1;
    this.#reads = [];
    this.#readValues = [];
    this.#writes = [];
    this.#recording = true;
    const accesses = { reads: this.#reads, readValues: this.#readValues, writes: this.#writes };
    try {
      return { result: body(accesses), accesses };
    } finally {
      this.#recording = false;
    }
  }

  readonly #naming: Naming = {
    known: (object) => this.#known.get(object),
    name: (object) => {
      const name = this.#names();
      this.#known.set(object, this.#values.named(name, object));
      return name;
    },
  };

  #number(value: unknown): number {
    const number = this.#values.of(value, this.#naming);
    // What bytes hold may change under the same identity.
    if (isObject(value) && !ArrayBuffer.isView(value)) this.#known.set(value, number);
    return number;
  }

  #extend(): void {
    for (let cell = this.#held.length; cell < this.#cells.count; cell++) {
      const untouched = this.#cells.untouched(cell);
      this.#held.push(untouched);
      this.#ids.push(this.#number(untouched ?? ABSENT));
      this.#readIn.push(0);
      this.#writtenIn.push(0);
    }
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
