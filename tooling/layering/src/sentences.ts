// The sentences of the messages: what is shut, the reason on the row, and the legal way.
import { relation } from './graph.ts';
import type { Edges } from './graph.ts';
import type { Layer, Layers } from './layers-file.ts';

/** Whether the row lets this package import that one. */
export function mayImport(from: Layer, to: string, development: boolean): boolean {
  return from.uses.includes(to) || (development && from.usesInTests.includes(to));
}

/** Why `from` may not import `to`, and what it may. */
export function shutDoor(layers: Layers, from: Layer, to: Layer, development: boolean): string {
  if (from.usesInTests.includes(to.name)) return `Only the tests of ${from.name} may import ${to.name}. ${legalWay(from, development)}`;
  const because = from.doors.filter((door) => door.to.includes(to.name)).map((door) => ` ${door.because}.`).join('');
  return `${from.name} may not import ${to.name}: ${standing(layers, from, to)}.${because} ${legalWay(from, development)}`;
}

function standing(layers: Layers, from: Layer, to: Layer): string {
  const edges: Edges = new Map([...layers.rows.values()].map((row) => [row.name, row.uses]));
  const found = relation(edges, from.name, to.name);
  switch (found.kind) {
    case 'upward': return `upward, ${to.name} stands on ${from.name}`;
    case 'sideways': return `sideways, neither stands on the other`;
    case 'skipped': return `skipped, ${from.name} reaches it only through ${found.path.slice(1, -1).join(' and ')}`;
  }
}

/** What the row allows, as advice. */
export function legalWay(from: Layer, development: boolean): string {
  const names = [...from.uses, ...(development ? from.usesInTests : [])];
  return names.length === 0 ? `${from.name} may import no package of the workspace.` : `${from.name} may import: ${names.join(', ')}.`;
}
