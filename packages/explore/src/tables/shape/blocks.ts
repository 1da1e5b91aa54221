// Places of equal behaviour as one block: what an agent's local state is in a packed state.
import type { Family } from '../learn/behaviour.ts';

export interface BlockLeaf {
  readonly kind: 'leaf';
  /** By cell, codes; what is known to be there already is left out. */
  readonly writes: readonly (readonly [cell: number, code: number])[];
  /** Null: it has ended. */
  readonly next: number | null;
  /** To another place, be it in the same block: no state is at rest where it can. */
  readonly moves: boolean;
  readonly threw: string | null;
  readonly spawns: readonly { readonly family: Family; readonly block: number | null }[];
}

export interface BlockStay {
  readonly kind: 'stay' | 'look' | 'unknown';
}

export interface BlockBranch {
  readonly kind: 'branch';
  readonly cell: number;
  readonly children: readonly BlockTree[];
}

/** `stay`: it waits. `look`: it goes on and comes back, with nothing changed. `unknown`: what it does there was not learned. */
export type BlockTree = BlockStay | BlockLeaf | BlockBranch;

export interface Block {
  /** In its family. */
  readonly number: number;
  readonly family: Family;
  readonly tree: BlockTree;
}

export interface Blocks {
  /** By family. */
  readonly ofFamily: readonly (readonly Block[])[];
  /** The block of each place, by the place's number. */
  readonly ofPlace: Int32Array;
}

export function leavesOf(tree: BlockTree): BlockLeaf[] {
  if (tree.kind === 'branch') return tree.children.flatMap(leavesOf);
  return tree.kind === 'leaf' ? [tree] : [];
}

export function cellsReadBy(tree: BlockTree, into = new Set<number>()): Set<number> {
  if (tree.kind !== 'branch') return into;
  into.add(tree.cell);
  for (const child of tree.children) cellsReadBy(child, into);
  return into;
}
