// The engine `tables`: learns the agents, then searches packed states. Says so when a model cannot be learned in advance.
import type { Model } from '../model.ts';
import type { CheckOptions } from '../options.ts';
import type { Report } from '../report.ts';
import { NotPlain } from '../track/values.ts';
import { NotLearned } from './learn/learner.ts';
import { checkLiveness } from './liveness/check-liveness.ts';
import { prepare, searchAll } from './prepare.ts';
import { Checkpoint, writeCheckpoint } from './search/checkpoint.ts';
import { Clock, Interrupted } from './search/clock.ts';
import { nothingSearched } from './unlearned.ts';
import { reportOf } from './verdicts.ts';

/** Why a model cannot be learned in advance: for another engine to check. */
export interface NotClosed {
  readonly notClosed: string;
}

export async function checkTables(model: Model, options: CheckOptions = {}): Promise<Report | NotClosed> {
  const clock = new Clock(model.name, options);
  const resume = options.checkpoint === undefined ? null : Checkpoint.read(options.checkpoint);
  try {
    const prepared = prepare(model, clock);
    const found = await searchAll(prepared, clock, resume, options);
    const { tables, searched, digest } = found;
    const { leftOver } = searched;
    if (leftOver !== null && options.checkpoint !== undefined) writeCheckpoint(options.checkpoint, model.name, digest, tables, searched);
    const live = leftOver === null ? checkLiveness(tables, searched, clock) : { lassos: new Map(), leftOver };
    return reportOf(model, { ...prepared, ...found, ...live }, clock);
  } catch (error) {
    if (error instanceof NotLearned || error instanceof NotPlain) return { notClosed: error.message };
    if (error instanceof Interrupted) return nothingSearched(model, error, clock);
    throw error;
  }
}
