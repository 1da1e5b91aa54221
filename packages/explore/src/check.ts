// Every schedule of a model, by the engine that suits it.
import { checkLazily } from './lazy/check-lazy.ts';
import type { Model } from './model.ts';
import type { CheckOptions } from './options.ts';
import type { Report } from './report.ts';
import { checkTables } from './tables/check-tables.ts';

/**
 * What holds in every schedule of `model`, and for what does not, a schedule that breaks it. Throws ModelError when the model is
 * not deterministic or a predicate changes something, RangeError when the engine that is asked for can't decide it.
 */
export async function check(model: Model, options: CheckOptions = {}): Promise<Report> {
  const { engine = 'auto' } = options;
  if (engine === 'lazy') return checkLazily(model, options);
  const report = await checkTables(model, options);
  if (!('notClosed' in report)) return report;
  if (engine === 'tables') throw new RangeError(`${model.name} has no tables: ${report.notClosed}`);
  return checkLazily(model, options);
}
