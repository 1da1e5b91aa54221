// Generated models, checked in every way there is and by plain enumeration: they have to say the same. A model on which they do
// not is shrunk and printed; SIOV_GENERATED_MODELS says how many there are in each of the four parts.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { disagreementsOf, ways } from '../witness/engines.ts';
import { enumerate } from '../witness/enumerate.ts';
import type { Enumeration } from '../witness/enumerate.ts';
import { TooManyStates } from '../witness/graph.ts';
import type { Model } from '../../src/index.ts';
import { modelOf } from './interpreter.ts';
import type { Program } from './program.ts';
import { randomProgram } from './random-model.ts';

const MODELS = Number(process.env['SIOV_GENERATED_MODELS'] ?? 80);
const STATES = 3000;
const PARTS = [1, 2, 3, 4];

/** null: more states than are enumerated here. */
function enumerated(model: Model): Enumeration | null {
  try {
    return enumerate(model, { states: STATES });
  } catch (error) {
    if (error instanceof TooManyStates) return null;
    throw error;
  }
}

async function disagree(program: Program): Promise<string[] | null> {
  const model = modelOf(program);
  const answers = enumerated(model)?.answers;
  if (answers === undefined) return null;
  const all: string[] = [];
  for (const way of ways) {
    const sentences = await disagreementsOf(model, answers, way);
    all.push(...(sentences ?? ['has no tables']).map((sentence) => `${way.name}: ${sentence}`));
  }
  return all;
}

describe('generated models', () => {
  test.each(PARTS)('part %i', { timeout: 600_000 }, async (seed) => {
    let compared = 0;
    await fc.assert(fc.asyncProperty(randomProgram, async (program) => {
      const sentences = await disagree(program);
      if (sentences === null) return;
      compared += 1;
      expect(sentences).toEqual([]);
    }), { seed, numRuns: MODELS });
    expect(compared).toBeGreaterThan(0.9 * MODELS);
  });

  test('there is something to prove and something to refute of every kind', () => {
    const outcomes = new Set<string>();
    for (const program of fc.sample(randomProgram, { seed: 1, numRuns: 100 })) {
      const kinds = program.claims.map((claim) => (claim.kind === 'responds' && claim.within !== null ? 'within' : claim.kind));
      const answers = enumerated(modelOf(program))?.answers ?? new Map<string, never>();
      for (const [index, { outcome }] of [...answers.values()].entries()) outcomes.add(`${kinds[index] ?? 'built in'} ${outcome}`);
    }
    const kinds = ['always', 'rest', 'eventually', 'responds', 'within', 'built in'];
    expect([...outcomes].sort()).toEqual(kinds.flatMap((kind) => [`${kind} proved`, `${kind} refuted`]).sort());
  });
});
