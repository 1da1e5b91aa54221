// The state port: every piece of state that agents share is a plain-data record made by one of these calls. In
// production a record is just the object; under an explorer the same call returns one whose reads and writes are seen.

export interface StatePort {
  /**
   * Whether others may run at every point of every agent. False where an agent runs until it waits: then what needs no
   * waiting may be done at once, without being step-wise (see `MaybeSteps`).
   */
  readonly interleaved: boolean;
  /** A record with flat fields. Lists in it are replaced, never changed in place. `name` is unique in the machine. */
  record<T extends object>(name: string, initial: T): T;
  /** `length` 32-bit words, all `initial`. */
  words(name: string, length: number, initial?: number): Uint32Array;
  /** A table of records or values by key. */
  map<K, V>(name: string): Map<K, V>;
  /**
   * Whether the machine has one more `resource` to give: memory for a descriptor, an id. Asked before each one is taken,
   * so that a test can refuse the n-th. True in production.
   */
  grant(resource: string): boolean;
}

export const plainState: StatePort = Object.freeze({
  interleaved: false,
  record: <T extends object>(_name: string, initial: T): T => ({ ...initial }),
  words: (_name: string, length: number, initial = 0) => new Uint32Array(length).fill(initial),
  map: <K, V>() => new Map<K, V>(),
  grant: () => true,
});

/** For machines whose agents a test interleaves step by step. */
export const interleavedState: StatePort = Object.freeze({ ...plainState, interleaved: true });

/** The same state with names of its own: for a machine beside others whose parts are called alike. */
export function stateOf(machine: string, state: StatePort): StatePort {
  return {
    interleaved: state.interleaved,
    record: (name, initial) => state.record(`${machine}/${name}`, initial),
    words: (name, length, initial) => state.words(`${machine}/${name}`, length, initial),
    map: (name) => state.map(`${machine}/${name}`),
    grant: (resource) => state.grant(resource),
  };
}
