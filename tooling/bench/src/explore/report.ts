// The two tables of an exploration run: the checks, and growth.
import Table from 'cli-table3';
import type { CheckRow, Exploration, GrowthLine, GrowthPoint } from './bench.ts';
import type { Explored } from './explored.ts';

const CHECKS_HEAD = ['check', 'states', 'steps', 'asked', 'runs', 'steps/s', 'wall, s', 'CPU, s', 'MB', 'seen', 'refuted'];
const GROWTH_HEAD = ['', 'states', 'steps', 'asked', 'runs', 'wall, s', 'CPU, s', 'MB', 'seen', 'steps, times'];

export function explorationReport({ limit, rounds, checks, growth }: Exploration): string {
  return [
    drawn(CHECKS_HEAD, checks.map(checkRow)),
    drawn(GROWTH_HEAD, growth.flatMap(growthRows)),
    ...notes(growth),
    `Limit of each search: ${limit} s. Checks once each, growth: medians of ${rounds}. Fresh processes; times from the call to the report.`,
    'states: remembered by the search, and steps, of its last round. asked: times the real code was run for a step or a verdict.',
    'runs: of the real code from its start.',
    'steps, times: as many as with one less.',
  ].join('\n');
}

export function checkRow({ name, explored }: CheckRow): string[] {
  if ('impossible' in explored) return [name, ...blank(8), 'impossible', ''];
  const { states, steps, asked, runs, searching, seconds, cpu, memory } = explored;
  const rate = digits(steps / searching, 0);
  return [name, ...counted([states, steps, asked, runs]), rate, ...took(seconds, cpu, memory), seen(explored), refuted(explored)];
}

export function growthRows({ name, points }: GrowthLine): string[][] {
  return points.map((each, index) => growthRow(name, each, points[index - 1]));
}

function growthRow(name: string, { x, explored }: GrowthPoint, before: GrowthPoint | undefined): string[] {
  const label = `${name}: ${x}`;
  if ('impossible' in explored) return [label, ...blank(7), 'impossible', ''];
  const { states, steps, asked, runs, seconds, cpu, memory } = explored;
  const cost = took(seconds.median, cpu.median, memory);
  return [label, ...counted([states, steps, asked, runs]), ...cost, seen(explored), times(explored, before)];
}

/** Nothing is told of what was not seen wholly. */
function times({ steps, limit }: Pick<Explored, 'steps' | 'limit'>, before: GrowthPoint | undefined): string {
  if (before === undefined || 'impossible' in before.explored || before.explored.limit !== null || limit !== null) return '';
  return digits(steps / before.explored.steps, 1);
}

function notes(growth: readonly GrowthLine[]): string[] {
  return growth.flatMap(({ name, what, points }) => [
    `${name}: ${what}`,
    ...points.flatMap(({ x, explored }) => ('impossible' in explored ? [`  ${x} is impossible: ${explored.impossible}`] : [])),
  ]);
}

function seen({ limit, surprises }: Pick<Explored, 'limit' | 'surprises'>): string {
  if (surprises.length > 0) return `UNEXPECTED: ${surprises.join(', ')}`;
  return limit === null ? 'all' : `limit: ${limit}`;
}

/** Properties of several entries once. */
function refuted({ refuted: properties }: Explored): string {
  return [...new Set(properties.map((property) => property.split(',')[0] ?? property))].join(', ');
}

function counted(numbers: readonly number[]): string[] {
  return numbers.map((each) => digits(each, 0));
}

function took(seconds: number, cpu: number, memory: number): string[] {
  return [digits(seconds, 2), digits(cpu, 2), digits(memory / 1e6, 0)];
}

function blank(cells: number): string[] {
  return Array.from({ length: cells }, () => '-');
}

function digits(value: number, places: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });
}

function drawn(head: readonly string[], rows: readonly string[][]): string {
  const left = new Set(['', 'check', 'seen', 'refuted']);
  const colAligns = head.map((name) => (left.has(name) ? 'left' : 'right'));
  const table = new Table({ head: [...head], style: { head: [], border: [] }, colAligns });
  table.push(...rows);
  return table.toString();
}
