// Each bench with tiny counts: that it runs and measures what it says. Nothing here is about speed.
import { describe, expect, test } from 'vitest';
import { allocations } from '../src/allocations.ts';
import { BY_HAND, contestants, ENTRIES, OURS } from '../src/contestants.ts';
import { growth } from '../src/growth.ts';
import { interruptCost } from '../src/interrupt.ts';
import { allocationsReport, growthReport, interruptReport } from '../src/report.ts';

describe('the contestants', () => {
  test.each(contestants().map((each) => [each.name, each] as const))('%s: every interrupt reaches its handler, also when the entries are not raised equally often', (_name, { run }) => {
    for (const count of [0, 1, ENTRIES - 1, ENTRIES, 3 * ENTRIES + 5]) expect(() => run(count)).not.toThrow();
  });
});

test('interrupt: what both cost, and the ratio of each round', () => {
  const cost = interruptCost({ rounds: 3, batch: 64, samples: 2 });
  for (const { low, median, high } of [cost.ours, cost.byHand, cost.ratio]) {
    expect(low).toBeGreaterThan(0);
    expect(median).toBeGreaterThanOrEqual(low);
    expect(high).toBeGreaterThanOrEqual(median);
  }
  expect(interruptReport(cost)).toContain('packages : by hand');
});

test('allocations: both contestants, every interrupt counted', async () => {
  const results = await allocations(1000, 5);
  expect(results.map(({ name, interrupts }) => [name, interrupts])).toEqual([[OURS, 1000], [BY_HAND, 1000]]);
  expect(allocationsReport(results)).toContain('bytes each');
});

test('growth: one point a size', () => {
  const result = growth({ sizes: [4, 16, 64], rounds: 3, batch: 4 });
  expect(result.points.map(({ allocated }) => allocated)).toEqual([4, 16, 64]);
  for (const { alloc, free } of result.points) expect(Math.min(alloc.low, free.low)).toBeGreaterThan(0);
  expect(Number.isFinite(result.exponent.alloc)).toBe(true);
  expect(growthReport(result).split('\n').filter((line) => /│ (4|16|64) /u.test(line))).toHaveLength(3);
});
