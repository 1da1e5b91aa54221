// The tables of a yardstick run: one for each way of searching.
import Table from 'cli-table3';
import type { Summary } from '../statistics.ts';
import type { Contest, Yardstick } from './bench.ts';

const HEAD = ['', 'states', 'search, s', '+ -O2, s', '+ -O0, s', 'MB', 'states', 'whole, s', 'MB', 'search', '+ -O2'];

export function yardstickReport({ versions, rounds, contests }: Yardstick): string {
  return [
    titled('Every interleaving: both without reductions', contests.filter(({ reduction }) => !reduction)),
    titled('Each with its own reductions', contests.filter(({ reduction }) => reduction)),
    `Medians of ${rounds} rounds, in turns; whole processes. ${versions.spin}; ${versions.gcc}.`,
    '+ -O2, + -O0: with generating the verifier and compiling it so. MB: peak of the search. Spin : ours: above 1, ours is faster.',
  ].join('\n');
}

function titled(title: string, contests: readonly Contest[]): string {
  const colAligns = HEAD.map((_, column) => (column === 0 ? 'left' : 'right'));
  const table = new Table({ style: { head: [], border: [] }, colAligns });
  const group = (content: string, colSpan: number) => ({ content, colSpan, hAlign: 'center' as const });
  table.push(['', group('Spin', 5), group('@siov/explore', 3), group('Spin : ours', 2)], HEAD, ...contests.map(row));
  return `${title}\n${table.toString()}`;
}

function row({ name, spin, ours, ratio }: Contest): string[] {
  return [
    name,
    digits(spin.states, 0),
    seconds(spin.search.seconds),
    seconds(spin.seconds),
    spin.secondsUnoptimised === null ? '-' : seconds(spin.secondsUnoptimised),
    megabytes(spin.search.memory),
    digits(ours.states, 0),
    seconds(ours.whole.seconds),
    megabytes(ours.whole.memory),
    digits(ratio.search.median, 2),
    digits(ratio.whole.median, 2),
  ];
}

function seconds({ median }: Summary): string {
  return digits(median, median < 0.1 ? 3 : 2);
}

function megabytes(bytes: number): string {
  return digits(bytes / 1e6, 0);
}

function digits(value: number, places: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });
}
