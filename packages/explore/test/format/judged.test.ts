import { expect, test } from 'vitest';
import { judgementText, unexpected } from '../../src/format/judged.ts';
import type { Outcome, Report } from '../../src/report.ts';
import { lost, report } from './examples.ts';

const texts = (outcome: Outcome, expected: Readonly<Record<string, Outcome>>) => {
  const made: Report = { ...report, verdicts: [{ property: 'p', outcome, counterexample: outcome === 'refuted' ? lost : null }] };
  return unexpected({ report: made, expected }).map((judgement) => `${judgement.property} ${judgementText(judgement)}`);
};

test('what is as expected is not worth a word, and a proof is more than not being refuted', () => {
  expect(texts('proved', { p: 'proved' })).toEqual([]);
  expect(texts('refuted', { p: 'refuted' })).toEqual([]);
  expect(texts('proved', { p: 'not refuted' })).toEqual([]);
});

test('what is not is, also where something is missing', () => {
  expect(texts('refuted', { p: 'proved' })).toEqual(['p refuted, expected to be proved: 2 completions, and the driver has seen 1']);
  expect(texts('proved', { p: 'refuted' })).toEqual(['p proved, expected to be refuted']);
  expect(texts('not refuted', { p: 'proved' })).toEqual(['p not refuted, expected to be proved']);
  expect(texts('proved', { p: 'proved', q: 'refuted' })).toEqual(['q not in the report, expected to be refuted']);
});

test('what nobody expected anything of is expected to be proved, whatever it is called', () => {
  expect(texts('not refuted', {})).toEqual(['p not refuted, expected to be proved']);
  const odd: Report = { ...report, verdicts: [{ property: 'constructor', outcome: 'proved', counterexample: null }] };
  expect(unexpected({ report: odd, expected: {} })).toEqual([]);
});
