// The places that shared state consists of, by name: a field of a record, a word, a key of a map. Numbered once for all runs.

/** Of a map's key that is not there, and of a record that was not made yet. */
export const ABSENT = Symbol('absent');

export class Cells {
  readonly #byName = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #untouched: unknown[] = [];

  readonly #groups = new Map<string, (number | undefined)[]>();

  get count(): number {
    return this.#names.length;
  }

  /** `untouched`: what it holds until it is written. */
  of(name: string, untouched: unknown = ABSENT): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const made = this.#names.length;
    this.#byName.set(name, made);
    this.#names.push(name);
    this.#untouched.push(untouched);
    return made;
  }

  /** Cells of what `name` consists of, by position, as far as they have a number: kept for the next run, which has the same. */
  group(name: string): (number | undefined)[] {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const made: (number | undefined)[] = [];
    this.#groups.set(name, made);
    return made;
  }

  name(cell: number): string {
    return this.#names[cell] ?? `cell ${cell}`;
  }

  untouched(cell: number): unknown {
    return this.#untouched[cell];
  }
}
