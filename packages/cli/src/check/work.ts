// One check, run: in a worker or in this thread.
import { check } from '@siov/explore';
import type { CheckOptions, Limits, Progress, Report } from '@siov/explore';
import { modelOf } from './subject.ts';
import type { Subject } from './subject.ts';

/** What a worker is asked for: plain data. */
export type Task = Pick<Subject, 'recipe' | 'engine'>;

/** What a worker tells. */
export type Answer =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'error'; readonly error: string };

/** What a worker has from its beginning on. `stop`: one 32-bit word, not 0 when all shall end. */
export interface WorkerSettings {
  readonly limits: Limits;
  readonly stop: SharedArrayBuffer;
}

export async function perform({ recipe, engine }: Task, options: Pick<CheckOptions, 'limits' | 'signal' | 'onProgress'>): Promise<Answer> {
  try {
    // The pool has as many threads as may be: one check takes one.
    return { kind: 'report', report: await check(await modelOf(recipe), { engine, workers: 1, ...options }) };
  } catch (error) {
    return { kind: 'error', error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}
