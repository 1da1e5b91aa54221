// The report of a check that a limit ended while its agents were learned: nothing was searched, so nothing is known.
import { DEADLOCK, NO_THROW } from '../model.ts';
import type { Model } from '../model.ts';
import type { PropertyVerdict, Report } from '../report.ts';
import { Book } from './learn/book.ts';
import { Trial } from './learn/trial.ts';
import type { Clock, Interrupted } from './search/clock.ts';

export function nothingSearched(model: Model, { limit, steps }: Interrupted, clock: Clock): Report {
  const names = [DEADLOCK, NO_THROW, ...new Trial(model, new Book()).properties.map(({ name }) => name)];
  return {
    model: model.name,
    verdicts: names.map((property): PropertyVerdict => ({ property, outcome: 'not refuted', counterexample: null })),
    coverage: {
      engine: 'tables',
      states: 1,
      transitions: 0,
      learned: steps,
      schedules: 0,
      depth: 0,
      reduction: 'none',
      merging: 'exact',
      complete: false,
      leftOver: { limit, states: 1 },
      seconds: clock.seconds,
      memory: clock.memory,
      seed: null,
    },
  };
}
