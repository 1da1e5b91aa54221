// What all trials of one model have in common: numbers of cells and values, which values a cell takes, names of objects.
import type { StatePort } from '@siov/base';
import { ABSENT, Cells } from '../../track/cells.ts';
import { NotPlain, Values } from '../../track/values.ts';
import { Domains } from './domains.ts';

export class Book {
  readonly cells = new Cells();
  readonly values = new Values();
  readonly domains: Domains;
  /** By cell: the number of what it holds when the machine is made. */
  readonly #made: number[] = [];
  #begun = false;
  /** Objects that have a name in every trial: which value each is. */
  readonly #objects = new WeakMap<object, number>();
  /** Values that hold such objects somewhere inside. */
  readonly #holders = new Set<number>();

  /** How to make again what a step made: pieces of state by the numbers of their values. */
  readonly #recipes = new Map<number, (state: StatePort) => object>();

  constructor() {
    this.domains = new Domains(this.cells, (cell) => this.#made[cell] ?? this.values.of(this.cells.untouched(cell) ?? ABSENT));
  }

  /** Called by every trial with what its machine holds when made. The first says it, all others must agree. */
  begin(held: ReadonlyMap<number, number>): void {
    for (const [cell, value] of held) {
      if (!this.#begun) this.#made[cell] = value;
      else if ((this.#made[cell] ?? value) !== value) {
        throw new NotPlain(`${this.cells.name(cell)} does not start with the same value each time the machine is made`);
      }
    }
    this.#begun = true;
  }

  name(object: object, name: string): number {
    const value = this.values.named(name, object);
    this.#objects.set(object, value);
    return value;
  }

  known(object: object, value: number): void {
    this.#objects.set(object, value);
  }

  /** A piece of state that an agent made on its way: others that find it in a cell have to have one like it. */
  piece(value: number, piece: object, name: string): void {
    if (this.#recipes.has(value)) return;
    if (piece instanceof Map) this.#recipes.set(value, (state) => state.map(name));
    else if (piece instanceof Uint32Array) {
      const { length } = piece;
      const [first] = piece;
      this.#recipes.set(value, (state) => state.words(name, length, first));
    } else {
      const fields = Object.fromEntries(Object.keys(piece).map((field) => [field, null]));
      this.#recipes.set(value, (state) => state.record(name, fields));
    }
  }

  recipe(value: number): ((state: StatePort) => object) | undefined {
    return this.#recipes.get(value);
  }

  hold(value: number): void {
    this.#holders.add(value);
  }

  /** The value as a trial has it: with its own objects where it has some. */
  materialise(value: number, own: (value: number) => object | undefined): unknown {
    return this.#own(this.values.at(value), this.#holders.has(value), own);
  }

  #own(value: unknown, holder: boolean, own: (value: number) => object | undefined): unknown {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
    const named = this.#objects.get(value);
    if (named !== undefined) {
      const object = own(named);
      if (object === undefined) throw new NotPlain('an object that one agent made on its way is given to another');
      return object;
    }
    if (!holder || typeof value === 'function') return value;
    if (Array.isArray(value)) return Object.freeze(value.map((each) => this.#own(each, true, own)));
    if (ArrayBuffer.isView(value)) return value;
    return Object.freeze(Object.fromEntries(Object.entries(value).map(([field, each]) => [field, this.#own(each, true, own)])));
  }
}
