// Whether a run of a state graph can avoid something for ever, and be weakly fair: an agent that can go on at every moment
// from some time on goes on again and again. Runs in which somebody throws are broken anyway, and do not count.
import type { Graph, Node } from './graph.ts';

/** From one of `starts`, a fair run or one that ends, through nodes that are not `good` only. */
export function canAvoid(graph: Graph, starts: readonly number[], good: (node: Node) => boolean): boolean {
  const open = (index: number): boolean => !good(nodeAt(graph, index));
  const bad = reachable(starts.filter(open), (index) => successors(graph, index).filter(open));
  if ([...bad].some((index) => nodeAt(graph, index).edges.length === 0)) return true;
  return components([...bad], (index) => successors(graph, index).filter(open)).some((component) => fair(graph, component));
}

/**
 * Whether a run that takes every edge inside again and again is fair. If that one is not, none inside is: it passes every
 * state in which somebody cannot go on, and takes every step there is.
 */
function fair(graph: Graph, component: ReadonlySet<number>): boolean {
  const nodes = [...component].map((index) => nodeAt(graph, index));
  const inside = nodes.flatMap(({ edges }) => edges.filter(({ to }) => to !== null && component.has(to)).map(({ agent }) => agent));
  if (inside.length === 0) return false;
  const canGoOn = (name: string, { edges }: Node): boolean => edges.some(({ agent }) => agent === name);
  const always = (nodes[0]?.edges ?? []).map(({ agent }) => agent).filter((name) => nodes.every((node) => canGoOn(name, node)));
  return always.every((name) => inside.includes(name));
}

function nodeAt(graph: Graph, index: number): Node {
  const node = graph.nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
}

const successors = (graph: Graph, index: number): number[] => nodeAt(graph, index).edges.flatMap(({ to }) => to ?? []);

function reachable(starts: readonly number[], next: (index: number) => readonly number[]): Set<number> {
  const found = new Set(starts);
  for (const index of found) for (const to of next(index)) found.add(to);
  return found;
}

/** Strongly connected components, by two searches (Kosaraju): those left last first, then backwards from each. */
function components(all: readonly number[], next: (index: number) => readonly number[]): Set<number>[] {
  const left: number[] = [];
  const seen = new Set<number>();
  for (const root of all) {
    if (seen.has(root)) continue;
    seen.add(root);
    const path = [{ index: root, rest: [...next(root)] }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const to = top.rest.pop();
      if (to === undefined) {
        left.push(top.index);
        path.pop();
      } else if (!seen.has(to)) {
        seen.add(to);
        path.push({ index: to, rest: [...next(to)] });
      }
    }
  }
  const before = new Map<number, number[]>(all.map((index) => [index, []]));
  for (const index of all) for (const to of next(index)) before.get(to)?.push(index);
  const placed = new Set<number>();
  return left.reverse().flatMap((root) => {
    if (placed.has(root)) return [];
    const component = reachable([root], (index) => (before.get(index) ?? []).filter((each) => !placed.has(each)));
    for (const index of component) placed.add(index);
    return [component];
  });
}
