// What was learned: for each place an agent can be at, a decision tree over the cells it reads next, with what it does at the leaves.
import type { PointKind } from '@siov/base';

export interface Leaf {
  readonly kind: 'leaf';
  /** Its guard does not hold. */
  readonly blocked: boolean;
  readonly writes: readonly number[];
  /** Codes of what is written, by {@link writes}. */
  readonly writeCodes: readonly number[];
  /** Null: it has ended. */
  readonly next: Place | null;
  readonly threw: string | null;
  readonly spawns: readonly { readonly family: Family; readonly place: Place | null }[];
  /** Somebody was seen to come here; of those that nobody did there may be more than are worth being in the tables. */
  reached: boolean;
}

export interface Branch {
  readonly kind: 'branch';
  readonly cell: number;
  /** By the code of what the cell holds. */
  readonly children: (Tree | undefined)[];
}

export type Tree = Leaf | Branch;

/** Agents of one name: those that run at the same time have a slot each. */
export interface Family {
  readonly number: number;
  readonly name: string;
  readonly daemon: boolean;
  /** How many of them were seen to run at once. */
  slots: number;
  readonly places: Place[];
}

/** Where an agent can be, as its history tells: what it has read since it started, or since it last forgot. */
export interface Place {
  readonly number: number;
  readonly family: Family;
  readonly kind: PointKind;
  readonly what: string;
  readonly reached: Reached;
  /** Of one that has polled: where, since which place, and what it has read since it last did. */
  readonly poll: { readonly what: string; readonly base: number; readonly since: string } | null;
  /** Of agents that share it only: `anew` is told apart by it. */
  readonly origin: string;
  tree: Tree | null;
}

/** The first way that an agent was seen to come to a place: in the making of the machine, by a step of its own, by a step that spawned it. */
export type Reached =
  | { readonly by: 'making'; readonly root: number }
  | { readonly by: 'step'; readonly from: Place; readonly codes: readonly number[] }
  | { readonly by: 'spawn'; readonly from: Place; readonly codes: readonly number[]; readonly index: number };

/** The leaf for what is read; undefined: not learned. */
export function leafFor(tree: Tree | null, codeOf: (cell: number) => number): Leaf | undefined {
  let at: Tree | null | undefined = tree;
  while (at?.kind === 'branch') at = at.children[codeOf(at.cell)];
  return at ?? undefined;
}
