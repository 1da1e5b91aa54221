// An eventfd as its users see it: signalled by one side, and gone when closed.
import type { StatePort } from './state.ts';

export interface EventFd {
  /** For traces and `/proc/interrupts`-like tables. */
  readonly name: string;
  /** The counter behind it (struct eventfd_ctx), the same for every duplicate; absent where nothing in the model shares it. */
  readonly context?: object;
  /** eventfd_signal(): adds one. Never blocks; signals before a read add up. */
  signal(): void;
  /** Drops this reference; no later {@link signal} has an effect. */
  close(): void;
}

/** Counter and waiter: plain data in the state port, so that it also tells duplicates from strangers. */
interface Context {
  count: number;
  /** Open descriptors. */
  references: number;
  wakeup: (() => void) | null;
}

/** An eventfd inside the model: signals add up in `count` until somebody takes them. */
export class ModelEventFd implements EventFd {
  readonly name: string;
  readonly context: Readonly<Context>;
  readonly #port: StatePort;
  readonly #context: Context;
  readonly #state: { closed: boolean };

  constructor(port: StatePort, name: string, context: Context = port.record<Context>(`eventfd/${name}`, { count: 0, references: 0, wakeup: null })) {
    this.name = name;
    this.context = context;
    this.#context = context;
    this.#port = port;
    this.#state = port.record(`eventfd/${name}/fd`, { closed: false });
    context.references += 1;
  }

  get count(): number {
    return this.#context.count;
  }

  get closed(): boolean {
    return this.#state.closed;
  }

  /** Open descriptors of this counter, this one included. */
  get references(): number {
    return this.#context.references;
  }

  /** dup(2): another descriptor of the same counter; closing either leaves the other open. */
  dup(): ModelEventFd {
    return new ModelEventFd(this.#port, this.name, this.#context);
  }

  signal(): void {
    if (this.#state.closed) return;
    this.#context.count += 1;
    this.#context.wakeup?.();
  }

  /**
   * Who is told of every signal of the counter, in the context of the signaller (an entry of its wait queue, such as
   * irqfd_wakeup()); null: nobody. One for each counter.
   */
  onSignal(wakeup: (() => void) | null): void {
    this.#context.wakeup = wakeup;
  }

  /** read(2): the number of signals since the last take; 0 where the real one would block. */
  take(): number {
    const { count } = this.#context;
    this.#context.count = 0;
    return count;
  }

  close(): void {
    if (this.#state.closed) return;
    this.#state.closed = true;
    this.#context.references -= 1;
  }
}
