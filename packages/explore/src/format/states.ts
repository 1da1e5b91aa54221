// What the cells of a schedule held, from the first state to the last.
import type { CellValue, ScheduleStep } from '../report.ts';

/** Of every cell that is read or written, before the first step: what its first access found. */
export function firstState(steps: readonly ScheduleStep[]): Map<string, CellValue> {
  const state = new Map<string, CellValue>();
  for (const { reads, writes } of steps) {
    for (const { cell, value } of [...reads, ...writes.map(({ cell, before }) => ({ cell, value: before }))]) {
      if (!state.has(cell)) state.set(cell, value);
    }
  }
  return state;
}

/** One more than there are steps: the first, and the one after each step. All have the same cells. */
export function statesOf(steps: readonly ScheduleStep[]): ReadonlyMap<string, CellValue>[] {
  const states = [firstState(steps)];
  for (const { writes } of steps) {
    const before = states.at(-1) as ReadonlyMap<string, CellValue>;
    states.push(new Map([...before, ...writes.map(({ cell, after }): [string, CellValue] => [cell, after])]));
  }
  return states;
}
