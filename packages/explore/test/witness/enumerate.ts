// The witness: what plain enumeration of every schedule says about every property of a model. Slow, and too simple to be
// wrong in the ways an explorer can be.
import { DEADLOCK, NO_THROW } from '../../src/model.ts';
import type { Model, Property } from '../../src/model.ts';
import { canAvoid } from './fair-runs.ts';
import { graphOf } from './graph.ts';
import type { Graph, GraphOptions, Node } from './graph.ts';

export interface Answer {
  readonly outcome: 'proved' | 'refuted';
  /** Steps of the shortest schedule that breaks it, where its end shows that it is broken. */
  readonly shortest?: number;
}

export interface Enumeration {
  /** By the name of the property, the built-in ones included. */
  readonly answers: ReadonlyMap<string, Answer>;
  readonly states: number;
  /** What is shared where nobody can go on. */
  readonly terminal: ReadonlySet<string>;
}

export function enumerate(model: Model, options?: GraphOptions): Enumeration {
  return answersOf(graphOf(model, options));
}

export function answersOf(graph: Graph): Enumeration {
  const resting = graph.nodes.filter((node, index) => rests(node, index));
  const answers = new Map<string, Answer>();
  let predicate = 0;
  for (const property of graph.properties) {
    const index = predicate;
    answers.set(property.name, answer(graph, resting, property, (node, offset = 0) => node.truths[index + offset] === true));
    predicate += property.kind === 'responds' ? 2 : 1;
  }
  answers.set(DEADLOCK, shallowestRest(resting.filter(({ unfinished }) => unfinished)));
  answers.set(NO_THROW, graph.throwsAfter === null ? { outcome: 'proved' } : { outcome: 'refuted', shortest: graph.throwsAfter });
  return { answers, states: graph.nodes.length, terminal: new Set(resting.map(({ shared }) => shared)) };
}

type Truth = (node: Node, offset?: number) => boolean;

function answer(graph: Graph, resting: readonly Node[], property: Property, holds: Truth): Answer {
  const { nodes } = graph;
  if (property.kind === 'always') return shallowest(nodes.filter((node) => !holds(node)));
  if (property.kind === 'rest') return shallowestRest(resting.filter((node) => !holds(node)));
  if (property.kind !== 'responds') return { outcome: canAvoid(graph, [0], (node) => holds(node)) ? 'refuted' : 'proved' };
  const then = (node: Node): boolean => holds(node, 1);
  const asked = nodes.flatMap((node, index) => (holds(node) && !then(node) ? [index] : []));
  if (property.within === undefined) return { outcome: canAvoid(graph, asked, then) ? 'refuted' : 'proved' };
  return late(graph, asked, then, property.within);
}

function shallowest(broken: readonly Node[]): Answer {
  return broken.length === 0 ? { outcome: 'proved' } : { outcome: 'refuted', shortest: Math.min(...broken.map(({ depth }) => depth)) };
}

/** Nobody can leave it: who can go on finds everything as it was, and looks again. */
function rests({ edges }: Node, index: number): boolean {
  return edges.every(({ to }) => to === index);
}

/** Where somebody looks for ever, the first looks are as good as any: how many there are in the shortest is a matter of taste. */
function shallowestRest(broken: readonly Node[]): Answer {
  const answer = shallowest(broken);
  const looks = broken.some(({ depth, edges }) => depth === answer.shortest && edges.length > 0);
  return looks ? { outcome: answer.outcome } : answer;
}

/** Whether from a node in `asked` `steps` more steps, or all there are, can go by without `then`. */
function late(graph: Graph, asked: readonly number[], then: (node: Node) => boolean, steps: number): Answer {
  // By node: how few more steps show that it took too long; Infinity: it does not.
  let costs = graph.nodes.map((node) => (then(node) ? Infinity : 0));
  for (let step = 0; step < steps; step++) {
    const before = costs;
    costs = graph.nodes.map((node) => {
      if (then(node)) return Infinity;
      return node.edges.length === 0 ? 0 : 1 + Math.min(...node.edges.map(({ to }) => (to === null ? Infinity : (before[to] ?? Infinity))));
    });
  }
  const shortest = Math.min(...asked.map((index) => (graph.nodes[index]?.depth ?? 0) + (costs[index] ?? Infinity)));
  return shortest === Infinity ? { outcome: 'proved' } : { outcome: 'refuted', shortest };
}
