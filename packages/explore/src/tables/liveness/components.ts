// Strongly connected components of a part of the graph (Tarjan), each given out when it is complete.
import { Growing } from './avoiding.ts';
import type { Graph } from './graph.ts';

/** `inside`: by state, whether it belongs to the part; its states are `all`. `found` returns whether to go on. */
export function eachComponent(graph: Graph, all: Iterable<number>, inside: Uint8Array, found: (component: Int32Array) => boolean): void {
  const order = new Int32Array(graph.end);
  const low = new Int32Array(graph.end);
  const [open, path, slots] = [new Growing(), new Growing(), new Growing()];
  let count = 0;
  const enter = (state: number) => {
    count += 1;
    order[state] = count;
    low[state] = count;
    open.push(state);
    path.push(state);
    slots.push(0);
  };
  for (const root of all) {
    if (order[root] !== 0) continue;
    enter(root);
    while (path.length > 0) {
      const state = path.at(path.length - 1);
      const slot = slots.pop();
      if (slot < graph.slots) {
        slots.push(slot + 1);
        const to = graph.edge(state, slot);
        if (to <= 0 || inside[to] === 0 || order[to] === DONE) continue;
        if (order[to] === 0) enter(to);
        else low[state] = Math.min(low[state] as number, order[to] as number);
        continue;
      }
      path.pop();
      const lowest = low[state] as number;
      if (path.length > 0) {
        const before = path.at(path.length - 1);
        low[before] = Math.min(low[before] as number, lowest);
      }
      if (lowest === order[state] && !found(closed(state, open, order))) return;
    }
  }
}

/** Of states whose component is complete. */
const DONE = -1;

function closed(root: number, open: Growing, order: Int32Array): Int32Array {
  const first = open.all.lastIndexOf(root);
  const component = open.all.slice(first);
  open.length = first;
  for (const state of component) order[state] = DONE;
  return component;
}
