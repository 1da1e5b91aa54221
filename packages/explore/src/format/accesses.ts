// What a step did to each cell, as one line of a table.
import type { ScheduleStep } from '../report.ts';
import { printable } from './line.ts';
import { valueText } from './value.ts';

export interface CellAccess {
  readonly cell: string;
  readonly how: 'r' | 'w' | 'rw';
  /** Of a cell that is written. */
  readonly before?: string;
  /** What it holds after the step. */
  readonly after: string;
}

/** In the order of the first access; a cell that is read and written is one access, unless it was read as something else. */
export function accessesOf({ reads, writes }: ScheduleStep): CellAccess[] {
  const written = new Map(writes.map((write) => [write.cell, write]));
  const both = new Set<string>();
  const first = reads.map(({ cell, value }): CellAccess => {
    const read = valueText(value);
    const write = written.get(cell);
    if (write === undefined || valueText(write.before) !== read || both.has(cell)) return { cell: printable(cell), how: 'r', after: read };
    both.add(cell);
    return { cell: printable(cell), how: 'rw', before: read, after: valueText(write.after) };
  });
  const blind = writes
    .filter(({ cell }) => !both.has(cell))
    .map(({ cell, before, after }) => ({ cell: printable(cell), how: 'w' as const, before: valueText(before), after: valueText(after) }));
  return [...first, ...blind];
}
