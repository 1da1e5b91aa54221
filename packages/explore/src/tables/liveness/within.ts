// A run on which a goal is owed for too long: states with the number of steps since it is, breadth first.
import { EDGE } from './graph.ts';
import type { Graph } from './graph.ts';
import { Growing } from './avoiding.ts';
import type { Lasso } from './lasso.ts';

export function findOverdue(graph: Graph, within: number, owed: (state: number) => boolean, met: (state: number) => boolean): Lasso | null {
  const seen = new Set<number>();
  const [states, steps, from, by] = [new Growing(), new Growing(), new Growing(), new Growing()];
  const add = (state: number, step: number, parent: number, slot: number) => {
    const key = state * (within + 1) + step;
    if (met(state) || seen.has(key)) return;
    seen.add(key);
    states.push(state);
    steps.push(step);
    from.push(parent);
    by.push(slot);
  };
  const found = (at: number): Lasso => {
    const slots: number[] = [];
    let first = at;
    for (; from.at(first) >= 0; first = from.at(first)) slots.push(by.at(first));
    return { owed: states.at(first), stem: slots.reverse(), loop: [] };
  };
  let next = 0;
  for (let level = 0; level < graph.levels.length || next < states.length; level++) {
    const last = graph.levels[level + 1] ?? graph.end;
    for (let state = graph.levels[level] ?? graph.end; state < last; state++) if (owed(state)) add(state, 0, -1, -1);
    const end = states.length;
    for (; next < end; next++) {
      const [state, step] = [states.at(next), steps.at(next)];
      if (step === within || ends(graph, state)) return found(next);
      for (let slot = 0; slot < graph.slots; slot++) {
        const to = graph.edge(state, slot);
        if (to > 0 || to === EDGE.looks) add(to > 0 ? to : state, step + 1, next, slot);
      }
    }
  }
  return null;
}

/** Nobody can do anything. */
function ends(graph: Graph, state: number): boolean {
  for (let slot = 0; slot < graph.slots; slot++) if (graph.edge(state, slot) !== EDGE.waits) return false;
  return true;
}
