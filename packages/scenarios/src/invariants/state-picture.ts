// All that a machine holds, to be compared: a state port that knows every piece of state made through it. Large tables are
// copied as what they are, so that a picture can be taken after every operation of a program.
import type { StatePort } from '@siov/base';
import { plainState } from '@siov/base';

/** A copy of what a piece of state held. */
interface Copied {
  readonly name: string;
  /** Whether the piece, the same one, holds that still. */
  same(): boolean;
}

/** What each piece of state held; of pieces with one name, such as those of an interrupt that came back, the youngest. */
export type Picture = readonly Copied[];

export interface PicturedOptions {
  /** How many a resource has to give, by its name: an allocator's ids, of which there may be more. */
  readonly limits?: Readonly<Record<string, number>>;
  readonly interleaved?: boolean;
}

export class PicturedState implements StatePort {
  readonly interleaved: boolean;
  readonly #limits: Readonly<Record<string, number>>;
  readonly #pieces = new Map<string, (name: string) => Copied>();
  readonly #used = new Map<string, { readonly used: number }>();

  constructor({ limits = {}, interleaved = false }: PicturedOptions = {}) {
    this.interleaved = interleaved;
    this.#limits = limits;
  }

  record<T extends object>(name: string, initial: T): T {
    const held = plainState.record(name, initial);
    this.#pieces.set(name, (piece) => recordCopy(piece, held));
    const ids = /^ids\/(.*)\/count$/.exec(name)?.[1];
    if (ids !== undefined && 'used' in held) this.#used.set(ids, held as unknown as { used: number });
    return held;
  }

  words(name: string, length: number, initial = 0): Uint32Array {
    const held = plainState.words(name, length, initial);
    this.#pieces.set(name, (piece) => wordsCopy(piece, held));
    return held;
  }

  map<K, V>(name: string): Map<K, V> {
    const held = plainState.map<K, V>(name);
    this.#pieces.set(name, (piece) => mapCopy(piece, held));
    return held;
  }

  grant(resource: string): boolean {
    const limit = this.#limits[resource];
    return limit === undefined || (this.#used.get(resource)?.used ?? 0) < limit;
  }

  picture(): Picture {
    return Array.from(this.#pieces, ([name, copy]) => copy(name));
  }

}

/** Names of the pieces of `since` that hold something else now. */
export function changesSince(since: Picture): string[] {
  return since.filter((each) => !each.same()).map(({ name }) => name);
}

function wordsCopy(name: string, held: Uint32Array): Copied {
  const copy = held.slice();
  const bytes = ({ buffer, byteOffset, byteLength }: Uint32Array) => Buffer.from(buffer, byteOffset, byteLength);
  return { name, same: () => bytes(copy).equals(bytes(held)) };
}

function recordCopy(name: string, held: object): Copied {
  const copy = { ...held };
  return { name, same: () => sameValue(copy, { ...held }, DEPTH) };
}

/** Plain records in it are replaced or changed: as they are now. What they hold in turn is a piece of its own. */
function mapCopy<K, V>(name: string, held: Map<K, V>): Copied {
  const copy = [...held].map(([key, value]) => [key, flat(value)] as const);
  const same = () => held.size === copy.length && [...held].every(([key, value], at) => Object.is(key, copy[at]?.[0]) && sameValue(copy[at]?.[1], flat(value), DEPTH));
  return { name, same };
}

/** Deeper nothing is compared: records that hold each other would never end. */
const DEPTH = 3;

function flat(value: unknown): unknown {
  return isPlain(value) && !Object.isFrozen(value) ? { ...value } : value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function sameValue(before: unknown, now: unknown, depth: number): boolean {
  if (Object.is(before, now)) return true;
  if (depth === 0) return false;
  if (Array.isArray(before) && Array.isArray(now)) return before.length === now.length && before.every((each, index) => sameValue(each, now[index], depth - 1));
  if (!isPlain(before) || !isPlain(now)) return false;
  const keys = Object.keys(before);
  return keys.length === Object.keys(now).length && keys.every((key) => sameValue(before[key], now[key], depth - 1));
}
