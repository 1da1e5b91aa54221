// In the middle of what each agent is, and which layers call which: the trace, looked at while it is made.
import type { Agent, Executor, Steps, Trace, TraceEvent, TraceValues } from '@siov/base';
import { recordTrace } from '@siov/base';

/** A call from one layer into another that has begun and not ended. */
export interface LayerCall {
  readonly layer: string;
  readonly name: string;
  readonly values: TraceValues;
}

export type LayerCallListener = (operation: LayerCall) => void;

export class OperationHistory {
  /** One event for each kind of crossing: from, to, operation. */
  readonly crossings = new Map<string, TraceEvent>();
  readonly #executor: Executor;
  readonly #under = new Map<Agent, readonly LayerCall[]>();
  readonly #begins: LayerCallListener[] = [];

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Called when a call begins, before anything of it is done. */
  onBegin(listener: LayerCallListener): void {
    this.#begins.push(listener);
  }

  /** The layer the current agent is in. */
  get layer(): string {
    return this.#executor.current.layer;
  }

  /** The innermost call into `layer` that the current agent is in. */
  operationIn(layer: string): string | null {
    return this.#under.get(this.#executor.current)?.findLast((each) => each.layer === layer)?.name ?? null;
  }

  /** What the trace is to be from now on; crossings go to `trace` too. */
  tap(trace: Trace): Trace {
    // Layers are kept by whoever records: here somebody does, whether or not anybody else wants to know.
    const layers = trace.enabled ? trace : recordTrace(this.#executor, () => 0, () => {});
    const begin = (layer: string, name: string, values: TraceValues) => this.#begin({ layer, name, values });
    const end = () => this.#end();
    return {
      enabled: true,
      *cross<T>(to: string, operation: string, values: TraceValues, body: Steps<T>): Steps<T> {
        begin(to, operation, values);
        try {
          return yield* layers.cross(to, operation, values, body);
        } finally {
          end();
        }
      },
      call<T>(to: string, operation: string, values: TraceValues, body: () => T): T {
        begin(to, operation, values);
        try {
          return layers.call(to, operation, values, body);
        } finally {
          end();
        }
      },
      as: (agent, body) => layers.as(agent, body),
    };
  }

  #begin(operation: LayerCall): void {
    const { current } = this.#executor;
    const key = `${current.layer} > ${operation.layer} ${operation.name}`;
    if (current.layer !== operation.layer && !this.crossings.has(key)) {
      this.crossings.set(key, { time: 0, agent: current.name, from: current.layer, to: operation.layer, operation: operation.name, values: operation.values });
    }
    this.#under.set(current, [...(this.#under.get(current) ?? []), operation]);
    for (const listener of this.#begins) listener(operation);
  }

  #end(): void {
    const { current } = this.#executor;
    this.#under.set(current, (this.#under.get(current) ?? []).slice(0, -1));
  }
}
