// The literature's problems, checked in every way there is: the verdicts that are known, and the shortest counterexamples.
import { describe, expect, test } from 'vitest';
import { DEADLOCK, NO_THROW } from '../../src/model.ts';
import { disagreementsOf, ways } from '../witness/engines.ts';
import { Run } from '../witness/run.ts';
import { knownAnswers } from './index.ts';

describe.each(ways)('$name', (way) => {
  test.each(knownAnswers)('$name ($source)', { timeout: 180_000 }, async ({ model, expected }) => {
    expect(await disagreementsOf(model, new Map(Object.entries(expected)), way) ?? []).toEqual([]);
  });
});

test('every property of every model has an answer', () => {
  for (const { model, expected } of knownAnswers) {
    const names = new Run(model).properties.map(({ name }) => name);
    expect(Object.keys(expected).sort()).toEqual([DEADLOCK, NO_THROW, ...names].sort());
  }
});
