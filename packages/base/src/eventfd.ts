// An eventfd as its users see it: signalled by one side, and gone when closed.
import type { StatePort } from './state.ts';

export interface EventFd {
  /** For traces and `/proc/interrupts`-like tables. */
  readonly name: string;
  /** eventfd_signal(): adds one. Never blocks; signals before a read add up. */
  signal(): void;
  /** Drops this reference; no later {@link signal} has an effect. */
  close(): void;
}

/** An eventfd inside the model: signals add up in `count` until somebody takes them. */
export class ModelEventFd implements EventFd {
  readonly name: string;
  readonly #state: { count: number; closed: boolean };

  constructor(state: StatePort, name: string) {
    this.name = name;
    this.#state = state.record(`eventfd/${name}`, { count: 0, closed: false });
  }

  get count(): number {
    return this.#state.count;
  }

  get closed(): boolean {
    return this.#state.closed;
  }

  signal(): void {
    if (!this.#state.closed) this.#state.count += 1;
  }

  /** read(2): the number of signals since the last take; 0 where the real one would block. */
  take(): number {
    const { count } = this.#state;
    this.#state.count = 0;
    return count;
  }

  close(): void {
    this.#state.closed = true;
  }
}
