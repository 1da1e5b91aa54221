// A CPU's interrupt context: takes requested vectors, highest first, and runs their interrupts, for ever. An iterator
// written by hand, because the one of a generator makes a result for every interrupt.
import { isSteps } from '@siov/base';
import type { MaybeSteps, Point, Steps } from '@siov/base';
import type { VectorCpu } from './vector-assign.ts';

/** What is taken without letting others in, at most: a storm is then a matter of the executor, which limits steps. */
const BURST = 256;

/** Who handles what a CPU takes. */
export interface VectorHandler {
  /** Takes the next vector and handles its interrupt. False: there was none. */
  handleNext(cpu: number, at: VectorCpu): boolean | Steps<void>;
}

/** Which CPU's interrupt context runs now (smp_processor_id()); -1 outside. Set for one call only, so it is no state. */
export interface Processor {
  id: number;
}

export class CpuInterrupts {
  readonly #cpu: number;
  readonly #at: VectorCpu;
  readonly #handler: VectorHandler;
  readonly #processor: Processor;
  readonly #burst: number;
  readonly #idle: IteratorResult<Point, never>;
  #handling: Steps<void> | null = null;

  constructor(cpu: number, at: VectorCpu, handler: VectorHandler, processor: Processor, interleaved: boolean) {
    this.#cpu = cpu;
    this.#at = at;
    this.#handler = handler;
    this.#processor = processor;
    this.#burst = interleaved ? 1 : BURST;
    this.#idle = Object.freeze({ done: false, value: Object.freeze({ kind: 'wait', what: `interrupt on CPU ${cpu}`, ready: at.apic.any } satisfies Point) });
  }

  next(): IteratorResult<Point, never> {
    const before = this.#processor.id;
    this.#processor.id = this.#cpu;
    try {
      return this.#advance();
    } finally {
      this.#processor.id = before;
    }
  }

  #advance(): IteratorResult<Point, never> {
    for (let count = 0; count < this.#burst; ) {
      if (this.#handling === null) {
        const handled: MaybeSteps<boolean> | Steps<void> = this.#handler.handleNext(this.#cpu, this.#at);
        if (handled === false) return this.#idle;
        if (handled !== true && isSteps(handled)) this.#handling = handled;
      }
      if (this.#handling !== null) {
        const step = this.#handling.next();
        if (!step.done) return step;
        this.#handling = null;
      }
      count += 1;
    }
    return this.#idle;
  }

  /** The agent is taken away: the interrupt it is in the middle of is given up. */
  return(): IteratorResult<Point, never> {
    this.#handling?.return();
    this.#handling = null;
    return { done: true, value: undefined as never };
  }

  throw(error: unknown): IteratorResult<Point, never> {
    this.return();
    throw error;
  }

  [Symbol.iterator](): this {
    return this;
  }
}
