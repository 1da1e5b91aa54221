// A flow of the review as numbered steps, and a trace held against it: each step is what one agent did, found in the trace
// behind the step before it.
import type { TraceEvent, TraceValue } from '@siov/base';
import type { FlowOptions } from '../flows/options.ts';

/** One crossing a step consists of. */
export interface Crossing {
  /** The whole name, or a pattern of it: thread names have numbers. */
  readonly agent: string | RegExp;
  readonly from?: string;
  readonly to: string;
  readonly operation: string | RegExp;
  /** Values it has, among others. */
  readonly values?: Readonly<Record<string, TraceValue | RegExp | ((value: TraceValue) => boolean)>>;
}

export interface NumberedStep {
  /** As in the description of the flow: `b10`. */
  readonly id: string;
  readonly says: string;
  /** In this order; others may be between them. */
  readonly crossings: readonly Crossing[];
}

/** What a flow's steps depend on. */
export type StepOptions = Pick<FlowOptions, 'vmm' | 'queue' | 'store'>;

/** Where a step was found. */
export interface FoundStep {
  readonly step: NumberedStep;
  /** Indices of its crossings in the trace. */
  readonly at: readonly number[];
}

export interface Numbered {
  readonly found: readonly FoundStep[];
  /** The first crossing that is not there, behind those that are; null: the trace has all steps. */
  readonly missing: { readonly step: NumberedStep; readonly crossing: Crossing } | null;
}

/** Finds the steps in a trace, each crossing behind the one before. */
export function numbered(events: readonly TraceEvent[], steps: readonly NumberedStep[]): Numbered {
  const found: FoundStep[] = [];
  let from = 0;
  for (const step of steps) {
    const at: number[] = [];
    for (const crossing of step.crossings) {
      const index = events.findIndex((event, each) => each >= from && fits(event, crossing));
      if (index < 0) return { found, missing: { step, crossing } };
      at.push(index);
      from = index + 1;
    }
    found.push({ step, at });
  }
  return { found, missing: null };
}

function fits(event: TraceEvent, { agent, from, to, operation, values = {} }: Crossing): boolean {
  const is = (text: string, wanted: string | RegExp) => (typeof wanted === 'string' ? text === wanted : wanted.test(text));
  return event.to === to
    && (from === undefined || event.from === from)
    && is(event.operation, operation)
    && is(event.agent, agent)
    && Object.entries(values).every(([key, wanted]) => valueFits(event.values[key], wanted));
}

function valueFits(value: TraceValue | undefined, wanted: TraceValue | RegExp | ((value: TraceValue) => boolean)): boolean {
  if (value === undefined) return false;
  if (typeof wanted === 'function') return wanted(value);
  return wanted instanceof RegExp ? wanted.test(String(value)) : value === wanted;
}
