import { expect, test } from 'vitest';
import { reportsJson } from '../../src/format/json.ts';
import { livelock, report } from './examples.ts';

test('a report as it is, values of cells coded', () => {
  const verdicts = [{ property: livelock.property, outcome: 'refuted', counterexample: livelock }] as const;
  const parsed: unknown = JSON.parse(reportsJson([{ ...report, verdicts }]));
  expect(parsed).toMatchObject({
    kind: 'siov explore reports',
    version: 1,
    reports: [{ model: report.model, coverage: report.coverage, verdicts: [{ outcome: 'refuted' }] }],
  });
  expect(parsed).toHaveProperty(['reports', 0, 'verdicts', 0, 'counterexample', 'steps', 0, 'writes', 0, 'after'], { '#bigint': '1' });
});

test('no reports are a file, too', () => {
  expect(JSON.parse(reportsJson([]))).toEqual({ kind: 'siov explore reports', version: 1, reports: [] });
});
