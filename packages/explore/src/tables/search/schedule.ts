// The way to a state: backwards, level by level, for a state that it is a successor of. Costs no memory while searching.
import { STEP } from '../compile/kernel-source.ts';
import type { Tables } from '../compile/tables.ts';
import type { StateTable } from './state-table.ts';

/** `levels`: the number of the first state of each level. Returns the slots that step, from the start. */
export function scheduleTo(state: number, tables: Tables, table: StateTable, levels: readonly number[]): number[] {
  const schedule: number[] = [];
  let target = state;
  for (let level = levels.findLastIndex((first) => first <= state); level > 0; level--) {
    const step = stepTo(target, levels[level - 1] as number, levels[level] as number, tables, table);
    schedule.push(step.slot);
    target = step.state;
  }
  return schedule.reverse();
}

function stepTo(target: number, from: number, to: number, { kernel, layout }: Tables, { states }: StateTable): { state: number; slot: number } {
  const { words, slots } = layout;
  const wanted = states.slice(target * words, (target + 1) * words);
  for (let state = from; state < to; state++) {
    for (let slot = 0; slot < slots.length; slot++) {
      if (kernel.step(states, state * words, slot) !== STEP.moves) continue;
      if (wanted.every((word, index) => kernel.next[index] === word)) return { state, slot };
    }
  }
  throw new Error('a state has no predecessor: the search is wrong');
}
