// The tables a run prints.
import Table from 'cli-table3';
import type { Allocations } from './allocations.ts';
import type { Growth } from './growth.ts';
import type { InterruptCost } from './interrupt.ts';
import type { Summary } from './statistics.ts';

const digits = (value: number, places: number) => value.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });
const cells = ({ median, low, high }: Summary, places: number) => [digits(median, places), `${digits(low, places)} - ${digits(high, places)}`];

function table(head: string[], rows: readonly string[][]): string {
  const drawn = new Table({ head, style: { head: [], border: [] }, colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')) });
  drawn.push(...rows);
  return drawn.toString();
}

/** How many times the path by hand the packages' path may cost. */
export const RATIO_WANTED = 4;

export function interruptReport({ ours, byHand, ratio }: InterruptCost): string {
  return table(['one interrupt, entry to action', 'median', 'half of the rounds'], [
    ['packages, ns', ...cells(ours, 0)],
    ['by hand, ns', ...cells(byHand, 1)],
    [`packages : by hand (wanted: at most ${RATIO_WANTED})`, ...cells(ratio, 1)],
  ]);
}

export function allocationsReport(results: readonly Allocations[]): string {
  const rows = results.map(({ name, interrupts, bytes, scavenges, others }) => [name, digits(interrupts, 0), digits(bytes, 2), `${scavenges}`, `${others}`]);
  return table(['memory', 'interrupts', 'bytes each', 'scavenges', 'other collections'], rows);
}

export function growthReport({ points, perDoubling, exponent }: Growth): string {
  const signed = (value: number, places: number) => `${value < 0 ? '' : '+'}${digits(value, places)}`;
  return table(['allocated', 'alloc, ns', 'half of the rounds', 'free, ns', 'half of the rounds'], [
    ...points.map(({ allocated, alloc, free }) => [digits(allocated, 0), ...cells(alloc, 0), ...cells(free, 0)]),
    ['each doubling, ns', signed(perDoubling.alloc, 0), '', signed(perDoubling.free, 0), ''],
    ['n in size^n', signed(exponent.alloc, 3), '', signed(exponent.free, 3), ''],
  ]);
}
