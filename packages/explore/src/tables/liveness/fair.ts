// Whether a run can stay in a component for ever and be weakly fair, and a loop that is.
import { EDGE } from './graph.ts';
import type { Graph } from './graph.ts';

/** Whoever can go on in every state of it has a step that stays inside. */
export function canStay(graph: Graph, component: Int32Array): boolean {
  if (component.length === 1) return graph.stuck(component[0] as number);
  const inside = new Set(component);
  for (let slot = 0; slot < graph.slots; slot++) {
    let always = true;
    let steps = false;
    for (const state of component) {
      const to = graph.edge(state, slot);
      always &&= to !== EDGE.waits;
      steps ||= to === EDGE.looks || inside.has(to);
      if (!always || steps) break;
    }
    if (always && !steps) return false;
  }
  return true;
}

/** Slots that step, from `start` back to it, so that everybody steps or cannot. Of one state: those that look in vain. */
export function fairLoop(graph: Graph, component: Int32Array, start: number): number[] {
  const inside = new Set(component);
  const loop: number[] = [];
  let at = start;
  for (let slot = 0; slot < graph.slots; slot++) {
    const steps = wayTo(graph, inside, at, (state) => staysBy(graph, inside, state, slot));
    const waits = steps === null ? wayTo(graph, inside, at, (state) => graph.edge(state, slot) === EDGE.waits) : null;
    const way = steps ?? waits;
    if (way === null) throw new Error('a loop is not fair: the search is wrong');
    loop.push(...way.slots);
    at = way.state;
    if (steps === null) continue;
    loop.push(slot);
    const to = graph.edge(at, slot);
    if (to > 0) at = to;
  }
  const back = wayTo(graph, inside, at, (state) => state === start);
  return [...loop, ...(back?.slots ?? [])];
}

function staysBy(graph: Graph, inside: ReadonlySet<number>, state: number, slot: number): boolean {
  const to = graph.edge(state, slot);
  return to === EDGE.looks || inside.has(to);
}

/** The shortest way inside to a state that is wanted. */
function wayTo(graph: Graph, inside: ReadonlySet<number>, from: number, wanted: (state: number) => boolean): { state: number; slots: number[] } | null {
  const came = new Map<number, { state: number; slot: number } | null>([[from, null]]);
  // Grows while it is walked.
  for (const state of came.keys()) {
    if (wanted(state)) return { state, slots: slotsTo(state, came) };
    for (let slot = 0; slot < graph.slots; slot++) {
      const to = graph.edge(state, slot);
      if (inside.has(to) && !came.has(to)) came.set(to, { state, slot });
    }
  }
  return null;
}

function slotsTo(state: number, came: ReadonlyMap<number, { state: number; slot: number } | null>): number[] {
  const slots: number[] = [];
  for (let step = came.get(state); step !== null && step !== undefined; step = came.get(step.state)) slots.push(step.slot);
  return slots.reverse();
}
