// The state port: every piece of state that agents share is a plain-data record made by one of these calls. In
// production a record is just the object; under an explorer the same call returns one whose reads and writes are seen.

export interface StatePort {
  /** A record with flat fields. Lists in it are replaced, never changed in place. `name` is unique in the machine. */
  record<T extends object>(name: string, initial: T): T;
  /** `length` 32-bit words, all `initial`. */
  words(name: string, length: number, initial?: number): Uint32Array;
  /** A table of records or values by key. */
  map<K, V>(name: string): Map<K, V>;
}

export const plainState: StatePort = Object.freeze({
  record: <T extends object>(_name: string, initial: T): T => ({ ...initial }),
  words: (_name: string, length: number, initial = 0) => new Uint32Array(length).fill(initial),
  map: <K, V>() => new Map<K, V>(),
});
