// Time as the machine sees it: jiffies for what the kernel measures and times out.
import type { StatePort } from './state.ts';
import { waitUntil } from './steps.ts';
import type { Steps } from './steps.ts';

export interface Clock {
  /** Milliseconds since the machine started. */
  now(): number;
}

/** Time that moves when it is told to, so that runs repeat. */
export class ModelClock implements Clock {
  readonly #state: { now: number };

  constructor(state: StatePort) {
    this.#state = state.record('clock', { now: 0 });
  }

  now(): number {
    return this.#state.now;
  }

  /** Agents whose time has come can go on. */
  advance(milliseconds: number): void {
    this.#state.now += milliseconds;
  }
}

/** Goes on `milliseconds` from now. */
export function* sleep(clock: Clock, milliseconds: number): Steps<void> {
  const end = clock.now() + milliseconds;
  yield* waitUntil(`${milliseconds} ms to pass`, () => clock.now() >= end);
}
