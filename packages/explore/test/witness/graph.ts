// Every state a model can reach, found by running its real code along every schedule, breadth first. No reduction; two
// schedules count as one only if all that is shared and all that every agent can still know is the same.
import type { Model, Predicate, Property } from '../../src/model.ts';
import { Run } from './run.ts';

export interface Edge {
  readonly agent: string;
  /** null: the agent throws, and that was it. */
  readonly to: number | null;
}

export interface Node {
  /** Steps of the shortest schedule that comes here. */
  readonly depth: number;
  readonly parent: number;
  readonly via: string;
  /** One for each agent that can go on here. */
  readonly edges: Edge[];
  /** A truth value for every predicate of every property, in order. */
  readonly truths: readonly boolean[];
  /** Somebody who is no daemon has not ended. */
  readonly unfinished: boolean;
  readonly shared: string;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly properties: readonly Property[];
  /** Steps of the shortest schedule at whose end somebody throws; null: nobody does. */
  readonly throwsAfter: number | null;
  /** Second ways to states that had been found before. */
  readonly detours: readonly { readonly from: number; readonly agent: string; readonly to: number }[];
}

export interface GraphOptions {
  /** More states than this are an error. */
  readonly states?: number;
  /** Whether schedules that lead to the same state count as one; without it nothing may loop. */
  readonly merge?: boolean;
}

export class TooManyStates extends Error {}

export function graphOf(model: Model, { states = 100_000, merge = true }: GraphOptions = {}): Graph {
  const start = new Run(model);
  const nodes: Node[] = [nodeOf(start, { depth: 0, parent: -1, via: '' })];
  const indexes = new Map([[start.text(), 0]]);
  const detours: { from: number; agent: string; to: number }[] = [];
  let throwsAfter: number | null = start.thrown.length > 0 ? 0 : null;
  // Of nodes that were not gone on from, the run that came there: it can be gone on with once.
  const fresh = new Map([[0, start]]);
  // Grows while it is walked.
  for (const [index, node] of nodes.entries()) {
    const schedule = scheduleTo(nodes, index);
    const here = fresh.get(index) ?? new Run(model, schedule);
    fresh.delete(index);
    for (const [nth, name] of here.enabled().entries()) {
      const run = nth === 0 ? here : new Run(model, schedule);
      const thrown = run.thrown.length;
      run.step(name);
      if (run.thrown.length > thrown) {
        throwsAfter ??= node.depth + 1;
        node.edges.push({ agent: name, to: null });
        continue;
      }
      const text = merge ? run.text() : String(nodes.length);
      let to = indexes.get(text);
      if (to === undefined) {
        to = nodes.length;
        indexes.set(text, to);
        fresh.set(to, run);
        nodes.push(nodeOf(run, { depth: node.depth + 1, parent: index, via: name }));
        if (nodes.length > states) throw new TooManyStates(`${model.name}: more than ${states} states`);
      } else detours.push({ from: index, agent: name, to });
      node.edges.push({ agent: name, to });
    }
  }
  return { nodes, properties: start.properties, throwsAfter, detours };
}

export function scheduleTo(nodes: readonly Node[], index: number): string[] {
  const schedule: string[] = [];
  for (let node = nodes[index]; node !== undefined && node.parent >= 0; node = nodes[node.parent]) schedule.push(node.via);
  return schedule.reverse();
}

function predicatesOf(properties: readonly Property[]): Predicate[] {
  return properties.flatMap((property) => (property.kind === 'responds' ? [property.when, property.then] : [property.holds]));
}

function nodeOf(run: Run, place: Pick<Node, 'depth' | 'parent' | 'via'>): Node {
  const truths = predicatesOf(run.properties).map((predicate) => run.look(predicate) === true);
  return { ...place, edges: [], truths, unfinished: run.unfinished(), shared: run.shared() };
}
