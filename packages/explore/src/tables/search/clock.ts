// When a search has to stop, and when it has to tell how far it is.
import type { CheckOptions, Progress } from '../../options.ts';
import type { Limit } from '../../report.ts';

export interface Standing {
  readonly phase: Progress['phase'];
  readonly states: number;
  readonly transitions: number;
  readonly frontier: number;
  readonly depth: number;
}

/** A limit was reached where nothing that is half done is of use. */
export class Interrupted extends Error {
  readonly limit: Limit;
  /** That code was run for until then. */
  readonly steps: number;

  constructor(limit: Limit, steps: number) {
    super(`ended by the limit ${limit}`);
    this.limit = limit;
    this.steps = steps;
  }
}

export class Clock {
  readonly #model: string;
  readonly #options: CheckOptions;
  readonly #began = performance.now();
  #told = performance.now();
  #yielded = performance.now();
  #memory = 0;

  constructor(model: string, options: CheckOptions) {
    this.#model = model;
    this.#options = options;
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Peak of the resident set as far as it was looked at, bytes. */
  get memory(): number {
    this.#memory = Math.max(this.#memory, process.memoryUsage.rss(), process.resourceUsage().maxRSS * 1024);
    return this.#memory;
  }

  /** Why to stop now; null: go on. */
  limit({ states, depth }: Pick<Standing, 'states' | 'depth'>): Limit | null {
    const { limits, signal } = this.#options;
    if (signal?.aborted === true) return 'interrupted';
    if (limits?.states !== undefined && states >= limits.states) return 'states';
    if (limits?.depth !== undefined && depth >= limits.depth) return 'depth';
    if (limits?.seconds !== undefined && this.seconds >= limits.seconds) return 'time';
    if (limits?.memory !== undefined && process.memoryUsage.rss() >= limits.memory) return 'memory';
    return null;
  }

  /** Throws {@link Interrupted} when a limit is reached. */
  whileLearning(steps: number): void {
    if ((steps & 63) !== 0) return;
    this.tell({ phase: 'learning', states: 0, transitions: 0, frontier: 0, depth: 0 });
    const limit = this.limit({ states: 0, depth: -1 });
    if (limit !== null) throw new Interrupted(limit, steps);
  }

  tell(standing: Standing): void {
    const now = performance.now();
    if (now - this.#told < TELL_EVERY || this.#options.onProgress === undefined) return;
    this.#told = now;
    this.#options.onProgress({ model: this.#model, seconds: this.seconds, memory: process.memoryUsage.rss(), ...standing });
  }

  /** Lets timers and signals in, if it was long ago that they were. */
  async breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#yielded < BREATHE_EVERY) return;
    this.#yielded = now;
    await new Promise((done) => void setImmediate(done));
  }
}

const TELL_EVERY = 1000;
const BREATHE_EVERY = 40;
