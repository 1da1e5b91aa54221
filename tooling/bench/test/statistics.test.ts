import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linePlot } from '../src/plot.ts';
import { quantile, slope, summarise } from '../src/statistics.ts';

const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 });

test('quantiles are in order, within the values, and do not depend on theirs', () => {
  fc.assert(fc.property(numbers, (values) => {
    const { low, median, high } = summarise(values);
    expect([low, median, high]).toEqual([low, median, high].sort((a, b) => a - b));
    expect([quantile(values, 0), quantile(values, 1)]).toEqual([Math.min(...values), Math.max(...values)]);
    expect(summarise(values.toReversed())).toEqual({ low, median, high });
  }));
  expect(summarise([4, 1, 2, 3])).toEqual({ low: 1.75, median: 2.5, high: 3.25 });
});

test('the slope of points on a line is the line’s', () => {
  fc.assert(fc.property(fc.integer({ min: -50, max: 50 }), fc.integer(), fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 2 }), (rise, start, xs) => {
    expect(slope(xs.map((x) => [x, start + rise * x]))).toBeCloseTo(rise, 3);
  }));
});

test('a plot has a line, a band and a name for every series, and a mark for every x', () => {
  const y = summarise([1, 2, 3]);
  const svg = linePlot([{ name: 'a<b', points: [{ x: 16, y }, { x: 1024, y }] }, { name: 'c', points: [{ x: 16, y }] }], { title: 'T', x: 'X', y: 'Y' });
  const count = (what: RegExp) => [...svg.matchAll(what)].length;
  expect([count(/<polyline/gu), count(/<polygon/gu), count(/<circle/gu)]).toEqual([2, 2, 3]);
  for (const text of ['a&lt;b', '>16<', '>1,024<', '>T<', '>X<', '>Y<']) expect(svg).toContain(text);
  expect(svg).not.toContain('NaN');
  expect(() => linePlot([], { title: 'T', x: 'X', y: 'Y' })).toThrow(RangeError);
});
