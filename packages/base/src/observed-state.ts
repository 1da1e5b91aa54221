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

export class ObservedState implements StatePort {
  readonly interleaved: boolean;
  readonly #pieces: Piece[] = [];
  #requests: string[] = [];
  #refused = 0;

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
    this.#pieces.push({ name, held, content: () => [...held] });
    return held;
  }

  map<K, V>(name: string): Map<K, V> {
    const held = plainState.map<K, V>(name);
    this.#pieces.push({ name, held, content: () => [...held].map(copy) });
    return held;
  }

  grant(resource: string): boolean {
    this.#requests.push(resource);
    return this.#requests.length !== this.#refused;
  }

  /** What was asked for since {@link refuse}, in order. */
  get requests(): readonly string[] {
    return this.#requests;
  }

  /** Starts counting requests anew and refuses the `nth` (1: the first; 0: none). */
  refuse(nth: number): void {
    this.#requests = [];
    this.#refused = nth;
  }

  snapshot(): StateSnapshot {
    return this.#pieces.map((piece) => ({ piece, content: piece.content() }));
  }

  /** Names of the pieces that existed at `since` and hold something else now. */
  changes(since: StateSnapshot): string[] {
    return since.flatMap(({ piece, content }) => (equal(content, piece.content()) ? [] : [piece.name]));
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

/** Lists and plain records as they are now; anything else is what it is. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (!isPlain(value) || Object.isFrozen(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, isPlain(each) && !Array.isArray(each) ? each : copy(each)]));
}

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => equal(each, b[index]));
  if (!isPlain(a) || !isPlain(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}
