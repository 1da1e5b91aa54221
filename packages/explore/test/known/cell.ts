// Shared variables whose every access is a step of its own, as the literature's algorithms assume.
import type { Point, PointKind, Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { at } from '../witness/local.ts';

/** null: nothing. */
type Local = string | number | null;

/** Loops of one agent are told apart by it. */
const text = (local: Local | undefined): string => (local === undefined || local === null ? '' : ` (${local})`);

/** Forgets only where something was said about what is remembered. */
function here(kind: PointKind, what: string, local: Local | undefined): Point {
  return local === undefined ? { kind, what } : at(kind, what, local);
}

export class Cell<T> {
  readonly #state: { value: T };
  readonly #name: string;

  constructor(world: World, name: string, initial: T) {
    this.#state = world.state.record<{ value: T }>(name, { value: initial });
    this.#name = name;
  }

  /** For predicates and guards; no step. */
  get now(): T {
    return this.#state.value;
  }

  /** In a loop `local` is what the agent still has to remember; from the second time on it reads `again`. */
  *read(local?: Local, again = false): Steps<T> {
    yield again ? here('poll', `read ${this.#name} again${text(local)}`, local) : here('memory', `read ${this.#name}`, local);
    return this.#state.value;
  }

  *write(value: T): Steps<void> {
    yield { kind: 'memory', what: `write ${this.#name}` };
    this.#state.value = value;
  }

  /** One atomic instruction: fetch-and-add, exchange; the old value. */
  *modify(what: string, change: (old: T) => T, local?: Local): Steps<T> {
    yield here('memory', `${what} ${this.#name}`, local);
    const old = this.#state.value;
    this.#state.value = change(old);
    return old;
  }

  *compareAndSwap(expected: T, value: T, local?: Local): Steps<boolean> {
    yield here('memory', `compare and swap ${this.#name}`, local);
    if (this.#state.value !== expected) return false;
    this.#state.value = value;
    return true;
  }

  /** Reads again and again. */
  *until(holds: (value: T) => boolean, local: Local = null): Steps<T> {
    for (let again = false; ; again = true) {
      const value = yield* this.read(local, again);
      if (holds(value)) return value;
    }
  }
}

/** One for each of `count`, by index. */
export class Cells<T> {
  readonly #cells: readonly Cell<T>[];

  constructor(world: World, name: string, count: number, initial: T) {
    this.#cells = Array.from({ length: count }, (_, index) => new Cell(world, `${name}${index}`, initial));
  }

  at(index: number): Cell<T> {
    const cell = this.#cells[index];
    if (cell === undefined) throw new RangeError(`no cell ${index}`);
    return cell;
  }

  get now(): T[] {
    return this.#cells.map(({ now }) => now);
  }
}
