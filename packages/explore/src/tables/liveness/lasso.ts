// A run that never comes to a goal it owes: a stem as short as there is one, and a loop that is weakly fair, or the end.
import { avoiding } from './avoiding.ts';
import type { Avoiding } from './avoiding.ts';
import { eachComponent } from './components.ts';
import { canStay, fairLoop } from './fair.ts';
import type { Graph } from './graph.ts';

export interface Lasso {
  /** Where the goal is owed from on. */
  readonly owed: number;
  /** Slots that step from there to the loop, or to where the run stays. */
  readonly stem: readonly number[];
  /** Empty: it stays where it is. */
  readonly loop: readonly number[];
}

export function findLasso(graph: Graph, owed: (state: number) => boolean, met: (state: number) => boolean): Lasso | null {
  const avoided = avoiding(graph, owed, met);
  // Position of the state that is found first, by state only of those where a run can stay.
  const stays = new Map<number, Int32Array>();
  eachComponent(graph, avoided.states, avoided.has, (component) => {
    if (canStay(graph, component)) for (const state of component) stays.set(state, component);
    return true;
  });
  if (stays.size === 0) return null;
  const position = avoided.states.findIndex((state) => stays.has(state));
  const state = avoided.states[position] as number;
  const component = stays.get(state) as Int32Array;
  const { first, slots } = wayFromOwed(avoided, position);
  return { owed: first, stem: slots, loop: fairLoop(graph, component, state) };
}

function wayFromOwed({ states, from, by }: Avoiding, position: number): { first: number; slots: number[] } {
  const slots: number[] = [];
  let at = position;
  for (; (from[at] as number) >= 0; at = from[at] as number) slots.push(by[at] as number);
  return { first: states[at] as number, slots: slots.reverse() };
}
