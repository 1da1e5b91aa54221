// All that a machine holds, to be compared: a state port that knows every piece of state made through it. Large tables are
// copied as what they are, so that a picture can be taken after every operation of a program.
import type { StatePort } from '@siov/base';
import { plainState } from '@siov/base';

type Content = Uint32Array | readonly (readonly [unknown, unknown])[];

/** By name; of pieces with one name, such as those of an interrupt that came back, the youngest. */
export type Picture = ReadonlyMap<string, Content>;

export interface PicturedOptions {
  /** How many a resource has to give, by its name: an allocator's ids, of which there may be more. */
  readonly limits?: Readonly<Record<string, number>>;
  readonly interleaved?: boolean;
}

export class PicturedState implements StatePort {
  readonly interleaved: boolean;
  readonly #limits: Readonly<Record<string, number>>;
  readonly #pieces = new Map<string, () => Content>();
  readonly #used = new Map<string, { readonly used: number }>();

  constructor({ limits = {}, interleaved = false }: PicturedOptions = {}) {
    this.interleaved = interleaved;
    this.#limits = limits;
  }

  record<T extends object>(name: string, initial: T): T {
    const held = plainState.record(name, initial);
    this.#pieces.set(name, () => Object.entries(held));
    const ids = /^ids\/(.*)\/count$/.exec(name)?.[1];
    if (ids !== undefined && 'used' in held) this.#used.set(ids, held as unknown as { used: number });
    return held;
  }

  words(name: string, length: number, initial = 0): Uint32Array {
    const held = plainState.words(name, length, initial);
    this.#pieces.set(name, () => held.slice());
    return held;
  }

  map<K, V>(name: string): Map<K, V> {
    const held = plainState.map<K, V>(name);
    // Plain records in it are replaced or changed: as they are now. What they hold in turn is a piece of its own.
    this.#pieces.set(name, () => [...held].map(([key, value]) => [key, flat(value)] as const));
    return held;
  }

  grant(resource: string): boolean {
    const limit = this.#limits[resource];
    return limit === undefined || (this.#used.get(resource)?.used ?? 0) < limit;
  }

  picture(): Picture {
    return new Map([...this.#pieces].map(([name, content]) => [name, content()]));
  }

  /** Names of the pieces of `since` that hold something else now. */
  changes(since: Picture): string[] {
    return [...since].filter(([name, before]) => !sameContent(before, this.#pieces.get(name)?.() ?? [])).map(([name]) => name);
  }
}

function flat(value: unknown): unknown {
  return isPlain(value) && !Object.isFrozen(value) ? { ...value } : value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function sameContent(before: Content, now: Content): boolean {
  if (before.length !== now.length) return false;
  if (before instanceof Uint32Array) return before.every((word, index) => word === now[index]);
  return before.every(([key, value], index) => {
    const [otherKey, other] = (now as readonly (readonly [unknown, unknown])[])[index] ?? [];
    return Object.is(key, otherKey) && same(value, other, 2);
  });
}

function same(before: unknown, now: unknown, depth: number): boolean {
  if (Object.is(before, now)) return true;
  if (depth === 0) return false;
  if (Array.isArray(before) && Array.isArray(now)) return before.length === now.length && before.every((each, index) => same(each, now[index], depth - 1));
  if (!isPlain(before) || !isPlain(now)) return false;
  const keys = Object.keys(before);
  return keys.length === Object.keys(now).length && keys.every((key) => same(before[key], now[key], depth - 1));
}
