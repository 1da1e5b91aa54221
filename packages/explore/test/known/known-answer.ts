// A problem of the literature with what is known about it: the explorer has to say the same.
import { DEADLOCK, NO_THROW } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';

export interface Expected {
  readonly outcome: 'proved' | 'refuted';
  /** Steps of the shortest schedule that breaks it. */
  readonly shortest?: number;
}

export interface KnownAnswer {
  readonly name: string;
  readonly source: string;
  readonly model: Model;
  /** By the name of the property. */
  readonly expected: Readonly<Record<string, Expected>>;
}

export const proved: Expected = { outcome: 'proved' };

export function refuted(shortest?: number): Expected {
  return shortest === undefined ? { outcome: 'refuted' } : { outcome: 'refuted', shortest };
}

type Told = Omit<KnownAnswer, 'name' | 'source'>;

/** The answers about one problem: its models by what each gets right or wrong. Where nothing is said, nobody deadlocks or throws. */
export function known(source: string, answers: readonly Told[]): KnownAnswer[] {
  const usual = { [DEADLOCK]: proved, [NO_THROW]: proved };
  return answers.map(({ model, expected }) => ({ name: model.name, source, model, expected: { ...usual, ...expected } }));
}
