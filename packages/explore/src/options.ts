// What a check may use, and what it tells while it runs.
import type { Limit } from './report.ts';

/** The search ends when one is reached, and says so. */
export interface Limits {
  readonly states?: number;
  /** Of the process's resident set, bytes. */
  readonly memory?: number;
  readonly seconds?: number;
  /** Steps of a schedule. */
  readonly depth?: number;
}

export interface Progress {
  readonly model: string;
  readonly phase: 'learning' | 'searching' | 'liveness' | 'minimising';
  readonly states: number;
  readonly transitions: number;
  /** States known and not yet gone on from. */
  readonly frontier: number;
  readonly depth: number;
  readonly seconds: number;
  /** Resident set, bytes. */
  readonly memory: number;
}

export interface CheckOptions {
  /**
   * `tables`: agents are learned before the search; for models whose cells hold plain data with closed value sets. `lazy`: on
   * the way; for any. `auto`, unless said: tables where they close within bounds, else lazy.
   */
  readonly engine?: 'auto' | 'tables' | 'lazy';
  /** Schedules that differ in the order of independent steps only are followed once. True unless said. */
  readonly reduction?: boolean;
  readonly limits?: Limits;
  /** Ends with the first property that is refuted: the others stay `not refuted`. */
  readonly first?: boolean;
  /** Threads of the search; as many as there are cores unless said. */
  readonly workers?: number;
  /** What looking for the shortest counterexample may take, where it is not the first that is found; 5 s and 200,000 states unless said. */
  readonly shorten?: { readonly seconds?: number; readonly states?: number };
  /** Called about once a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the search as a limit does (`interrupted`). */
  readonly signal?: AbortSignal;
  /** A file that is written when a limit ends the search, and gone on from if it is there and of the same model. */
  readonly checkpoint?: string;
}

export type { Limit };
