// Exploration with tiny limits: that what is counted belongs to the subject, that limits and machines that cannot be built are told,
// and the rows of both tables. Nothing here is about speed.
import { CHECKS, nameOf } from '@siov/scenarios';
import { describe, expect, test } from 'vitest';
import { measureExploration, repeated } from '../src/explore/bench.ts';
import type { Exploration, GrowthLine, GrowthPoint, MeasuredPoint } from '../src/explore/bench.ts';
import { explore, surprisesOf } from '../src/explore/explored.ts';
import type { Explored, Impossible } from '../src/explore/explored.ts';
import { AXES } from '../src/explore/growing.ts';
import type { Axis, GrowthSize } from '../src/explore/growing.ts';
import { explorationPlot } from '../src/explore/plots.ts';
import { checkRow, explorationReport, growthRows } from '../src/explore/report.ts';
import { MEASURED_CHECKS, modelOfSubject } from '../src/explore/subject.ts';
import { summarise } from '../src/statistics.ts';

const smallest: GrowthSize = { devices: 1, cpus: 1, descriptors: 1, vectors: 2 };
const one: Explored = {
  states: 1200, steps: 5000, asked: 300, runs: 40, limit: null, surprises: [], refuted: [],
  seconds: 2.5, cpu: 2, searching: 2, memory: 120e6,
};
const rowOf = (explored: Explored | Impossible) => checkRow({ name: 'mdev/x', explored, load: 1 });

describe('what is measured', () => {
  test('each check of the default policy, of the host and of the refuted design, and no other', () => {
    const names = MEASURED_CHECKS.map(nameOf);
    expect(names).toContain('host/submit');
    expect(names).toContain('v6: mdev-vsvm/grow (incremental)');
    expect(names).not.toContain('mdev/grow (incremental)');
    expect(names.length).toBe(CHECKS.filter(({ design, vmm }) => design === 'v6' || vmm === undefined || vmm === 'dynamic').length);
    expect(() => modelOfSubject({ check: 'mdev/nothing' })).toThrow('no check mdev/nothing');
  });

  test('each axis begins at the smallest machine, or at two guests, and changes one thing', () => {
    expect(AXES.map(({ name, points }) => [name, points.map(({ x }) => x)])).toEqual([
      ['devices', [1, 2, 3]], ['descriptors', [1, 2, 3]], ['guest CPUs', [1, 2, 3]], ['vectors', [2, 3, 4]],
    ]);
    for (const { points: [first] } of AXES) expect(first?.size).toEqual({ ...smallest, devices: first?.size.devices });
  });
});

describe('one exploration', () => {
  test('one guest that submits one descriptor', async () => {
    const explored = await explore({ size: smallest }, 60);
    expect(explored).toMatchObject({ limit: null, surprises: [], refuted: [] });
    if ('impossible' in explored) throw new Error(explored.impossible);
    const { states, steps, asked, runs, cpu, memory } = explored;
    for (const count of [states, steps, asked, runs, cpu, memory]) expect(count).toBeGreaterThan(0);
    expect(explored.seconds).toBeGreaterThanOrEqual(explored.searching);
  });

  test('a limit is told, and what was not found by then is no surprise', async () => {
    const explored = await explore({ size: { ...smallest, cpus: 3 } }, 0.01);
    expect(explored).toMatchObject({ limit: 'time', surprises: [] });
  });

  test('a machine that cannot be built is told, with why', async () => {
    expect(await explore({ size: { ...smallest, devices: 100 } }, 1)).toEqual({ impossible: expect.stringContaining('work queue') });
  });

  test('surprises: what is refuted and should not be, and the other way round if all was seen', () => {
    const verdicts = [
      { property: 'I1, entry 0', outcome: 'refuted', counterexample: null },
      { property: 'I10', outcome: 'proved', counterexample: null },
    ] as const;
    expect(surprisesOf(verdicts, ['I1'], true)).toEqual([]);
    expect(surprisesOf(verdicts, ['I10'], true)).toEqual(['I1, entry 0 is refuted', 'I10 is not refuted']);
    expect(surprisesOf(verdicts, ['I1', 'I10'], false)).toEqual([]);
  });
});

describe('repeated runs', () => {
  test('are summarised', async () => {
    const runs = [3, 1, 2].map((seconds) => ({ ...one, seconds, memory: seconds }));
    const point = await repeated(3, async () => runs.shift() as Explored);
    expect(point).toMatchObject({ steps: 5000, rounds: 3, memory: 2, seconds: { median: 2 } });
  });

  test('end with the first that reaches a limit, which alone is shown', async () => {
    const runs = [one, { ...one, limit: 'time', steps: 7 } as const, one];
    expect(await repeated(3, async () => runs.shift() as Explored)).toMatchObject({ steps: 7, limit: 'time', rounds: 1 });
    expect(await repeated(3, async () => ({ impossible: 'so' }))).toEqual({ impossible: 'so' });
  });
});

describe('rows', () => {
  test('a check: what was counted, steps a second of searching, times, and what was seen', () => {
    expect(rowOf(one)).toEqual(['mdev/x', '1,200', '5,000', '300', '40', '2,500', '2.50', '2.00', '120', 'all', '']);
    expect(rowOf({ ...one, limit: 'time', refuted: ['I1, entry 0', 'I1, entry 1', 'I2'] }).slice(-2)).toEqual(['limit: time', 'I1, I2']);
    expect(rowOf({ ...one, surprises: ['I3 is refuted'] }).at(-2)).toBe('UNEXPECTED: I3 is refuted');
    expect(rowOf({ impossible: 'so' })).toEqual(['mdev/x', ...Array.from({ length: 8 }, () => '-'), 'impossible', '']);
  });

  test('growth: how many times the steps of one less, where both were seen wholly', () => {
    const rows = growthRows(line([measured(10), measured(25), { ...measured(99), limit: 'time' }, measured(50), { impossible: 'so' }]));
    expect(rows.map((row) => [row[0], row[2], row.at(-2), row.at(-1)])).toEqual([
      ['devices: 1', '10', 'all', ''],
      ['devices: 2', '25', 'all', '2.5'],
      ['devices: 3', '99', 'limit: time', ''],
      ['devices: 4', '50', 'all', ''],
      ['devices: 5', '-', 'impossible', ''],
    ]);
  });

  test('all rows are as wide as their table, and why a machine is impossible is below', () => {
    const report = explorationReport(exploration([measured(10), { impossible: 'too many' }]));
    expect(report).toContain('2 is impossible: too many');
    expect(report.split('\n').filter((each) => each.startsWith('│ devices: '))).toHaveLength(2);
  });
});

test('the plot has a dot for each value, and a triangle where there is none', () => {
  const svg = explorationPlot(exploration([measured(10), measured(1000), { ...measured(77), limit: 'time' }, { impossible: 'so' }]));
  expect(svg.match(/<circle/gu)).toHaveLength(3 * 2);
  expect(svg.match(/<polygon [^>]*fill="white"/gu)).toHaveLength(3);
});

test('a whole run, of one check and one size', async () => {
  const check = MEASURED_CHECKS.filter((each) => nameOf(each) === 'host/move');
  const axes: readonly Axis[] = [{ name: 'devices', what: 'of guests', points: [{ x: 1, size: smallest }] }];
  const noted: string[] = [];
  // The sources, as everywhere in the tests: vitest's own way to say so does not reach another process.
  const nodeOptions = ['--conditions=@siov/source'];
  const note = (what: string) => noted.push(what);
  const { checks, growth } = await measureExploration({ checks: check, axes, limit: 60, rounds: 1, nodeOptions, note });
  expect(noted).toEqual(['host/move', 'devices: 1']);
  const explored = expect.objectContaining({ limit: null, surprises: [] });
  expect(checks).toEqual([{ name: 'host/move', load: expect.any(Number), explored }]);
  expect(growth[0]?.points[0]?.explored).toMatchObject({ limit: null, rounds: 1 });
});

function measured(steps: number): MeasuredPoint {
  const { states, asked, runs, memory } = one;
  return { states, steps, asked, runs, memory, limit: null, surprises: [], seconds: summarise([1]), cpu: summarise([1]), rounds: 3 };
}

function line(points: readonly GrowthPoint['explored'][]): GrowthLine {
  return { name: 'devices', what: 'of guests', points: points.map((explored, index) => ({ x: index + 1, size: smallest, explored })) };
}

function exploration(points: readonly GrowthPoint['explored'][]): Exploration {
  return { limit: 60, rounds: 3, checks: [{ name: 'mdev/x', explored: one, load: 1 }], growth: [line(points)] };
}
