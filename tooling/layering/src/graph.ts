// The packages as a directed graph: who stands on whom.

export type Edges = ReadonlyMap<string, readonly string[]>;

/** How an import that is not on the row stands to the declared graph. */
export type Relation =
  | { readonly kind: 'upward' }
  | { readonly kind: 'sideways' }
  | { readonly kind: 'skipped'; readonly path: readonly string[] };

/** Shortest chain of edges from one package to another, both ends included; `undefined` where there is none. */
export function shortestPath(edges: Edges, from: string, to: string): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  for (const at of cameFrom.keys()) {
    if (at === to) return unwind(cameFrom, to);
    for (const next of edges.get(at) ?? []) {
      if (!cameFrom.has(next)) cameFrom.set(next, at);
    }
  }
  return undefined;
}

function unwind(cameFrom: ReadonlyMap<string, string | undefined>, end: string): string[] {
  const path: string[] = [];
  for (let at: string | undefined = end; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
  return path;
}

/** One cycle, its first package repeated at the end; `undefined` where the graph is a DAG. */
export function findCycle(edges: Edges): string[] | undefined {
  for (const [from, targets] of edges) {
    for (const to of targets) {
      const back = shortestPath(edges, to, from);
      if (back !== undefined) return [from, ...back];
    }
  }
  return undefined;
}

/** Where `to` stands, seen from `from`. Only meaningful for an edge that is not declared. */
export function relation(edges: Edges, from: string, to: string): Relation {
  const down = shortestPath(edges, from, to);
  if (down !== undefined) return { kind: 'skipped', path: down };
  return { kind: shortestPath(edges, to, from) === undefined ? 'sideways' : 'upward' };
}
