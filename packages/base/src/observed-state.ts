// A state port for tests: knows every piece of state made through it, tells what changed, and refuses the n-th resource.
import { plainState } from './state.ts';
import type { StatePort } from './state.ts';

interface Piece {
  readonly name: string;
  /** The record, words or map itself: a later one of the same name is another. */
  readonly held: object;
  content(): unknown;
}

/** What every piece of state held when it was taken. */
export type StateSnapshot = readonly { readonly piece: Piece; readonly content: unknown }[];

/** A piece of state that is new, or holds more than before: a map more entries, a record's field a longer list. */
export interface Growth {
  /** Of a new piece `new piece`; of one that holds more its own; of a list `piece.field`. */
  readonly name: string;
  readonly by: number;
}

export class ObservedState implements StatePort {
  readonly interleaved: boolean;
  readonly #pieces: Piece[] = [];
  #requests: string[] = [];
  readonly #asked = new Set<string>();
  #refused = 0;
  #forGood = false;

  constructor(options: { interleaved?: boolean } = {}) {
    this.interleaved = options.interleaved ?? false;
  }

  record<T extends object>(name: string, initial: T): T {
    const held = plainState.record(name, initial);
    this.#pieces.push({ name, held, content: () => copy({ ...held }) });
    return held;
  }

  words(name: string, length: number, initial?: number): Uint32Array {
    const held = plainState.words(name, length, initial);
    this.#pieces.push({ name, held, content: () => held.slice() });
    return held;
  }

  map<K, V>(name: string): Map<K, V> {
    const held = plainState.map<K, V>(name);
    this.#pieces.push({ name, held, content: () => [...held].map(copy) });
    return held;
  }

  grant(resource: string): boolean {
    this.#requests.push(resource);
    this.#asked.add(resource);
    const nth = this.#requests.length;
    return this.#refused === 0 || (this.#forGood ? nth < this.#refused : nth !== this.#refused);
  }

  /** What was asked for since {@link refuse}, in order. */
  get requests(): readonly string[] {
    return this.#requests;
  }

  /** What was ever asked for. */
  get asked(): ReadonlySet<string> {
    return this.#asked;
  }

  /** Starts counting requests anew and refuses the `nth` (1: the first; 0: none); with `forGood` every one after it too. */
  refuse(nth: number, options: { forGood?: boolean } = {}): void {
    this.#requests = [];
    this.#refused = nth;
    this.#forGood = options.forGood ?? false;
  }

  snapshot(): StateSnapshot {
    return this.#pieces.map((piece) => ({ piece, content: piece.content() }));
  }

  /** Names of the pieces that existed at `since` and hold something else now. */
  changes(since: StateSnapshot): string[] {
    return since.flatMap(({ piece, content }) => (equal(content, piece.content()) ? [] : [piece.name]));
  }

  /** Every piece and what it holds, oldest first. */
  current(): (readonly [name: string, content: unknown])[] {
    return this.#pieces.map((piece) => [piece.name, piece.content()]);
  }

  /** What grew since: pieces made meanwhile, entries of maps, lists in records, ids taken (`ids/NAME/count`). */
  growth(since: StateSnapshot): Growth[] {
    const made = this.#pieces.slice(since.length).map(({ name }) => ({ name: `new ${name}`, by: 1 }));
    return [...made, ...since.flatMap(({ piece, content }) => grown(piece.name, content, piece.content()))];
  }
}

function grown(name: string, before: unknown, after: unknown): Growth[] {
  if (Array.isArray(before) && Array.isArray(after)) return after.length > before.length ? [{ name, by: after.length - before.length }] : [];
  if (!isPlain(before) || !isPlain(after)) return [];
  if (/^ids\/.*\/count$/.test(name)) return Number(after['used']) > Number(before['used']) ? [{ name, by: Number(after['used']) - Number(before['used']) }] : [];
  return Object.entries(after).flatMap(([field, value]) => (Array.isArray(value) ? grown(`${name}.${field}`, before[field], value) : []));
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

/** Lists and plain records as they are now; anything else is what it is. */
export function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isPlain(value) || Object.isFrozen(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, isPlain(each) && !Array.isArray(each) ? each : copy(each)]));
}

/** As {@link ObservedState.changes} compares. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint32Array && b instanceof Uint32Array) return equalWords(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => equal(each, b[index]));
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}

/** A loop of its own: there are many words, and they are compared often. */
function equalWords(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
