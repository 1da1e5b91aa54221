// What an exploration found, and what it covered.
import type { PointKind } from '@siov/base';

/** Why an exploration ended before everything was seen. */
export type Limit = 'states' | 'memory' | 'time' | 'depth' | 'interrupted' | 'refuted';

/** `tables`: agents learned before the search, search in packed states. `lazy`: learned on the way. `sample`: schedules picked at random. */
export type Engine = 'tables' | 'lazy' | 'random' | 'pct';

export interface Coverage {
  readonly engine: Engine;
  /** Distinct states that were seen; of a sample, 0. */
  readonly states: number;
  readonly transitions: number;
  /** Times that code of an agent was run for a step that was not known yet, or to reach one. */
  readonly learned: number;
  /** Whole runs of the real code: from the start to where nothing is new. */
  readonly schedules: number;
  /** Steps of the longest schedule that was followed. */
  readonly depth: number;
  /** What was left out because it makes no difference. */
  readonly reduction: 'none' | 'stubborn sets';
  /** What makes two states one. */
  readonly merging: 'exact' | '128-bit fingerprints' | 'none';
  /** Everything was seen; else what stopped it, and how many known states were not gone on from. */
  readonly complete: boolean;
  readonly leftOver: { readonly limit: Limit; readonly states: number } | null;
  readonly seconds: number;
  /** Peak of the process, bytes. */
  readonly memory: number;
  /** Of samples. */
  readonly seed: number | null;
}

/** `proved`: holds in everything there is. `not refuted`: holds in what was covered. */
export type Outcome = 'proved' | 'refuted' | 'not refuted';

export interface PropertyVerdict {
  readonly property: string;
  readonly outcome: Outcome;
  readonly counterexample: Counterexample | null;
}

export interface Report {
  readonly model: string;
  readonly verdicts: readonly PropertyVerdict[];
  readonly coverage: Coverage;
}

/** Plain data as ITF and JSON can hold it. */
export type CellValue = string | number | boolean | bigint | null | readonly CellValue[] | { readonly [field: string]: CellValue };

/** A piece of shared state that a step looked at or changed: `lock/bql.held`. */
export interface CellRead {
  readonly cell: string;
  readonly value: CellValue;
}

export interface CellWrite {
  readonly cell: string;
  readonly before: CellValue;
  readonly after: CellValue;
}

/** One agent runs from a point to its next. */
export interface ScheduleStep {
  readonly agent: string;
  /** Of the point it starts at: why others may run here, and what it does now. */
  readonly kind: PointKind;
  readonly what: string;
  readonly reads: readonly CellRead[];
  readonly writes: readonly CellWrite[];
  /** What the model says happened. */
  readonly notes?: readonly string[];
  /** The text of what it threw. */
  readonly threw?: string;
}

/** A schedule from the start that ends where a property is broken. Replayed on the real code before it is shown. */
export interface Counterexample {
  readonly model: string;
  readonly property: string;
  /** What is broken there: the predicate's text, or a sentence of the explorer's. */
  readonly violation: string;
  readonly steps: readonly ScheduleStep[];
  /** Of a run that never ends: the step it goes back to after the last; null: it ends there. */
  readonly loop: number | null;
  /** No schedule with fewer steps breaks the property. */
  readonly shortest: boolean;
  /** Who waits for what, where nobody can move. */
  readonly waiting: readonly { readonly agent: string; readonly for: string }[];
}
