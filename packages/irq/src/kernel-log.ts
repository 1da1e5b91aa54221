// What the kernel would print: warnings about interrupts that go wrong without any call failing.
import type { StatePort } from '@siov/base';

/** After so many nothing more is kept, as report_bad_irq() prints no more after 100. */
const LIMIT = 100;

export class KernelLog {
  readonly #state: { lines: readonly string[]; dropped: number };

  constructor(state: StatePort, kernel: string) {
    this.#state = state.record(`${kernel}/log`, { lines: [] as readonly string[], dropped: 0 });
  }

  /** The first 100 warnings, oldest first. */
  get lines(): readonly string[] {
    return this.#state.lines;
  }

  /** Warnings after those. */
  get dropped(): number {
    return this.#state.dropped;
  }

  warn(line: string): void {
    if (this.#state.lines.length < LIMIT) this.#state.lines = [...this.#state.lines, line];
    else this.#state.dropped += 1;
  }
}
