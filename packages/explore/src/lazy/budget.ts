// What a search may use up, and who is told how far it is.
import type { CheckOptions } from '../options.ts';
import type { Limit } from '../report.ts';
import type { Counts } from './search.ts';

export class Budget {
  readonly #model: string;
  readonly #options: CheckOptions;
  readonly #began = performance.now();
  #told = 0;

  constructor(model: string, options: CheckOptions) {
    this.#model = model;
    this.#options = options;
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Why the search ends now; null: it goes on. Whoever wants to know is told about once a second. */
  spent(counts: Counts): Limit | null {
    if (this.seconds - this.#told >= 1) this.#tell(counts);
    const { limits = {}, signal } = this.#options;
    if (signal?.aborted === true) return 'interrupted';
    if (counts.states >= (limits.states ?? Infinity)) return 'states';
    if (counts.depth >= (limits.depth ?? Infinity)) return 'depth';
    if (this.seconds >= (limits.seconds ?? Infinity)) return 'time';
    return process.memoryUsage.rss() >= (limits.memory ?? Infinity) ? 'memory' : null;
  }

  #tell({ states, transitions, frontier, depth }: Counts): void {
    this.#told = this.seconds;
    const memory = process.memoryUsage.rss();
    this.#options.onProgress?.({ model: this.#model, phase: 'searching', states, transitions, frontier, depth, seconds: this.#told, memory });
  }
}
