// Who called whom: one event for every crossing between layers, with the agent that made it.
import type { Executor } from './executor.ts';
import type { Steps } from './steps.ts';

export type TraceValue = number | bigint | string | boolean | null;
export type TraceValues = Readonly<Record<string, TraceValue>>;

export interface TraceEvent {
  /** Nanoseconds since the trace began. */
  readonly time: number;
  readonly agent: string;
  readonly from: string;
  readonly to: string;
  readonly operation: string;
  readonly values: TraceValues;
}

export interface Trace {
  /** Whether anything is recorded: asked on paths that must not even build the values. */
  readonly enabled: boolean;
  /** Runs `body` in layer `to`; recorded as a crossing from the layer the current agent is in, if that differs. */
  cross<T>(to: string, operation: string, values: TraceValues, body: Steps<T>): Steps<T>;
  /** The same for a call that nobody can interleave with. */
  call<T>(to: string, operation: string, values: TraceValues, body: () => T): T;
  /** Runs `body` as the current agent under the name `agent`: a vCPU that trapped goes on as its host thread. */
  as<T>(agent: string, body: Steps<T>): Steps<T>;
}

/** Records nothing and costs nothing. */
export const noTrace: Trace = Object.freeze({
  enabled: false,
  cross: <T>(_to: string, _operation: string, _values: TraceValues, body: Steps<T>) => body,
  call: <T>(_to: string, _operation: string, _values: TraceValues, body: () => T) => body(),
  as: <T>(_agent: string, body: Steps<T>) => body,
});

/** Gives every crossing to `sink`. `now` returns nanoseconds. */
export function recordTrace(executor: Executor, now: () => number, sink: (event: TraceEvent) => void): Trace {
  const start = now();
  const record = (to: string, operation: string, values: TraceValues) => {
    const agent = executor.current;
    if (agent.layer === to) return;
    sink({ time: now() - start, agent: agent.name, from: agent.layer, to, operation, values });
  };
  return {
    enabled: true,
    *cross(to, operation, values, body) {
      record(to, operation, values);
      const agent = executor.current;
      const from = agent.layer;
      agent.layer = to;
      try {
        return yield* body;
      } finally {
        agent.layer = from;
      }
    },
    call(to, operation, values, body) {
      record(to, operation, values);
      const agent = executor.current;
      const from = agent.layer;
      agent.layer = to;
      try {
        return body();
      } finally {
        agent.layer = from;
      }
    },
    *as(name, body) {
      const agent = executor.current;
      const before = agent.name;
      agent.name = name;
      try {
        return yield* body;
      } finally {
        agent.name = before;
      }
    },
  };
}

/** One JSON object a line; 64-bit values as hexadecimal strings. */
export function traceLine(event: TraceEvent): string {
  return JSON.stringify(event, (_key, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
}
