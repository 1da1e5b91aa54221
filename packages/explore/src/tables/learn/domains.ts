// The values each cell is known to take, numbered from 0, the one it starts with: what its bit field holds.
import type { Cells } from '../../track/cells.ts';

export class Domains {
  readonly cells: Cells;
  /** By cell: the numbers of its values. */
  readonly #values: number[][] = [];
  readonly #codes: Map<number, number>[] = [];
  readonly #initial: (cell: number) => number;
  /** Told of each value that is new. */
  grew: (cell: number, code: number) => void = () => {};

  /** `initial`: the number of the value a cell starts with. */
  constructor(cells: Cells, initial: (cell: number) => number) {
    this.cells = cells;
    this.#initial = initial;
  }

  size(cell: number): number {
    return this.#of(cell).length;
  }

  /** The number of the value that a code stands for. */
  value(cell: number, code: number): number {
    return this.#of(cell)[code] as number;
  }

  code(cell: number, value: number): number {
    const values = this.#of(cell);
    const codes = this.#codes[cell] as Map<number, number>;
    const known = codes.get(value);
    if (known !== undefined) return known;
    const made = values.length;
    values.push(value);
    codes.set(value, made);
    this.grew(cell, made);
    return made;
  }

  #of(cell: number): number[] {
    const known = this.#values[cell];
    if (known !== undefined) return known;
    const first = this.#initial(cell);
    const made = [first];
    this.#values[cell] = made;
    this.#codes[cell] = new Map([[first, 0]]);
    return made;
  }
}
