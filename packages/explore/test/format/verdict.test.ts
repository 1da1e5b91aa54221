import { expect, test } from 'vitest';
import fc from 'fast-check';
import { LINE, widthOf } from '../../src/format/line.ts';
import { coverageText, strengthText, verdictText } from '../../src/format/verdict.ts';
import { anyText } from './arbitraries.ts';
import { atOnce, complete, cutShort, livelock, report, sample } from './examples.ts';

test('a line a property, then what was covered and how far that goes', () => {
  expect(verdictText(report)).toBe(`\
model     one queue, one vector

  property                  outcome
  no deadlock               proved       in every schedule
  no agent throws           not refuted  in what was covered; not proved
  every completion is seen  refuted      by 7 steps, no fewer

covered   agents learned before the search; 76,548 states; 312,004 transitions; 1 whole schedule; depth 61; code run for
          808 steps; reduction: stubborn sets; merging: exact; complete; 0.53 s; 216 MiB
which is  a proof of what is called proved, up to the bounds that the model itself sets: every schedule of its agents
          was covered, of those that differ only in the order of steps that have nothing to do with each other, one.
`);
});

test('refuted at once, for ever, and without a schedule', () => {
  const refuted = (counterexample: typeof atOnce | null) =>
    verdictText({ ...report, verdicts: [{ property: 'p', outcome: 'refuted', counterexample }] });
  expect(refuted(atOnce)).toContain('refuted  where the model starts\n');
  expect(refuted(livelock)).toContain('refuted  by 4 steps, the last 3 of them for ever\n');
  expect(refuted(null)).toContain('refuted  no schedule is given\n');
});

test('a search that a limit ended says which, and how many states it left', () => {
  expect(coverageText(cutShort)).toContain('; the limit of memory left 1,234 states; ');
  expect(strengthText(cutShort)).toMatch(/^no proof: the limit of memory left 1,234 known states that the search did not go on from\./u);
  expect(strengthText({ ...cutShort, leftOver: { limit: 'depth', states: 1 } })).toContain(
    'left 1 known state that the search did not go on from, and nothing after 61 steps was looked at',
  );
  expect(strengthText({ ...complete, complete: false })).toMatch(/^no proof: the search ended before everything was seen/u);
  expect(coverageText({ ...complete, complete: false })).toContain('; ended early; ');
});

test('a sample is none, however many were picked', () => {
  expect(coverageText(sample)).toBe(
    'random schedules by priorities (PCT); seed 42; 312,004 transitions; 100,000 whole schedules; depth 61; 0.53 s; 216 MiB',
  );
  expect(coverageText({ ...sample, leftOver: { limit: 'time', states: 0 } })).toContain('; stopped by the limit of time; ');
  expect(strengthText({ ...sample, complete: true })).toMatch(/^a sample: 100,000 schedules picked at random\. Nothing is proved/u);
});

test('what could make a proof wrong is said', () => {
  const merged = { ...complete, reduction: 'none', merging: '128-bit fingerprints' } as const;
  expect(strengthText({ ...merged, states: 7_350_000 })).toBe(
    'a proof of what is called proved, up to the bounds that the model itself sets: every schedule of its agents was covered. ' +
      'It is wrong if two different states have the same fingerprint: a chance of about 8e-26.',
  );
  expect(strengthText({ ...merged, states: 1 })).toMatch(/a chance of 0\.$/u);
});

test('whatever the names are, no line is longer than 120 characters', () => {
  fc.assert(
    fc.property(anyText, fc.array(anyText), (model, names) => {
      const text = verdictText({
        ...report,
        model,
        verdicts: names.map((property) => ({ property, outcome: 'proved', counterexample: null })),
      });
      expect(text.split('\n').filter((line) => widthOf(line) > LINE)).toEqual([]);
    }),
  );
});
