// A lock is part of the machine and is modelled as such: taking it waits, and both ends are points where others run.
import { ModelError } from './errno.ts';
import type { StatePort } from './state.ts';
import type { Point, Steps } from './steps.ts';

/** Mutex or spinlock. Not recursive: the holder that takes it again deadlocks, as it would in the kernel. */
export class Lock {
  readonly #state: { held: boolean };
  readonly #take: Point;
  readonly #release: Point;

  constructor(state: StatePort, name: string) {
    this.#state = state.record(`lock/${name}`, { held: false });
    this.#take = Object.freeze({ kind: 'lock', what: `lock ${name}`, ready: () => !this.#state.held });
    this.#release = Object.freeze({ kind: 'unlock', what: `unlock ${name}` });
  }

  get held(): boolean {
    return this.#state.held;
  }

  /** Runs `body` with the lock held, and gives it back however the body ends. */
  *with<T>(body: Steps<T>): Steps<T> {
    yield this.#take;
    if (this.#state.held) throw new ModelError(`${this.#take.what}: taken although it was held`);
    this.#state.held = true;
    try {
      return yield* body;
    } finally {
      this.#state.held = false;
      yield this.#release;
    }
  }
}
