// What has to happen some time, decided on the graph of all states.
import type { Tables } from '../compile/tables.ts';
import type { Searched } from '../search/breadth-first.ts';
import { Interrupted } from '../search/clock.ts';
import type { Clock } from '../search/clock.ts';
import { Graph } from './graph.ts';
import { findLasso } from './lasso.ts';
import type { Lasso } from './lasso.ts';
import { findOverdue } from './within.ts';

export interface Live {
  /** By the name of the property, runs that break it. */
  readonly lassos: ReadonlyMap<string, Lasso>;
  readonly leftOver: Searched['leftOver'];
}

export function checkLiveness(tables: Tables, searched: Searched, clock: Clock): Live {
  const lassos = new Map<string, Lasso>();
  if (tables.eventually.length + tables.responds.length === 0) return { lassos, leftOver: null };
  const { table, transitions, levels } = searched;
  const standing = { phase: 'liveness', states: table.count, transitions, frontier: 0, depth: levels.length - 1 } as const;
  const graph = new Graph(tables, searched, () => {
    clock.tell(standing);
    const limit = clock.limit({ states: -1, depth: -1 });
    if (limit !== null) throw new Interrupted(limit, 0);
  });
  try {
    findAll(tables, graph, lassos);
    return { lassos, leftOver: null };
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return { lassos, leftOver: { limit: error.limit, states: 0 } };
  }
}

function findAll(tables: Tables, graph: Graph, found: Map<string, Lasso>): void {
  const note = (name: string, lasso: Lasso | null) => {
    if (lasso !== null) found.set(name, lasso);
  };
  for (const { property, tree } of tables.eventually) note(property.name, findLasso(graph, (state) => state === FIRST, (state) => graph.holds(tree, state)));
  for (const { property, asked, answered } of tables.responds) {
    const owed = (state: number) => graph.holds(asked, state) && !graph.holds(answered, state);
    const met = (state: number) => graph.holds(answered, state);
    note(property.name, property.within === undefined ? findLasso(graph, owed, met) : findOverdue(graph, property.within, owed, met));
  }
}

/** The state that the machine starts in. */
const FIRST = 1;
