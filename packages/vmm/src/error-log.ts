// What went wrong with requests to the device: the guest is not told (error_report()).
import type { StatePort } from '@siov/base';

/** A guest that causes errors must not fill the host's memory with them: the last ones are kept. */
const LOGGED_ERRORS = 64;

export class ErrorLog {
  readonly #state: { errors: readonly string[] };

  constructor(state: StatePort, name: string) {
    this.#state = state.record(`${name}/log`, { errors: [] as readonly string[] });
  }

  get errors(): readonly string[] {
    return this.#state.errors;
  }

  report(error: string): void {
    this.#state.errors = [...this.#state.errors.slice(1 - LOGGED_ERRORS), error];
  }
}
