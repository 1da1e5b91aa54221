// What was found wrong while a machine ran: state like any other, so that whoever explores a machine sees it change.
import type { StatePort } from '@siov/base';
import type { Violation } from './subject.ts';

export class Violations {
  readonly #state: { list: readonly Violation[] };

  /** `kept`: the history that finds them. */
  constructor(state: StatePort, kept: string) {
    this.#state = state.record(`history/${kept}`, { list: [] as readonly Violation[] });
  }

  /** Each once. */
  get list(): readonly Violation[] {
    return this.#state.list;
  }

  push(violation: Violation): void {
    if (!this.#state.list.includes(violation)) this.#state.list = [...this.#state.list, violation];
  }
}
