// Which shared state steps access, as bits: what one step does now, and all that an agent may still do from a block on.
import type { Family } from '../learn/behaviour.ts';
import type { Blocks, BlockTree } from '../shape/blocks.ts';
import { leavesOf } from '../shape/blocks.ts';
import type { Layout } from '../shape/layout.ts';

/** Sets of cells as bits in as many words as there are for all; cells, and what else steps depend on by. */
export interface Access {
  readonly reads: Int32Array;
  readonly writes: Int32Array;
}

/** By a leaf or a wait: what was read on the way to it, and what it writes. */
export interface StepAccess extends Access {
  /** Nobody else may be left out where it is taken. */
  readonly all: boolean;
}

export class Accesses {
  /** Words of a set. */
  readonly words: number;
  /** By family, then block. */
  readonly future: readonly (readonly Access[])[];
  readonly #blocks: Blocks;
  readonly #bitOf = new Map<string, number>();
  readonly #visible: readonly ReadonlySet<number>[];

  /** `visible`: for each property, the cells that it reads. */
  constructor(blocks: Blocks, layout: Layout, visible: readonly ReadonlySet<number>[]) {
    this.#blocks = blocks;
    this.#visible = visible;
    const spawned = new Set(blocks.ofFamily.flat().flatMap(({ tree }) => leavesOf(tree).flatMap(({ spawns }) => spawns.map(({ family }) => family.number))));
    for (const cell of layout.cells.keys()) this.#bitOf.set(`cell ${cell}`, this.#bitOf.size);
    for (const family of spawned) this.#bitOf.set(`slots ${family}`, this.#bitOf.size);
    for (const property of visible.keys()) this.#bitOf.set(`property ${property}`, this.#bitOf.size);
    this.words = Math.max(1, Math.ceil(this.#bitOf.size / 32));
    this.future = this.#futures();
  }

  /** Of a step that read those cells. A wait or a look writes nothing. */
  step(tree: BlockTree, read: Iterable<number>, family: Family): StepAccess {
    const access = this.#empty();
    for (const cell of read) this.#set(access.reads, `cell ${cell}`);
    if (tree.kind === 'unknown') return { ...access, all: true };
    if (tree.kind !== 'leaf') return { ...access, all: false };
    for (const [cell] of tree.writes) this.#set(access.writes, `cell ${cell}`);
    // Steps that properties see keep their order among themselves.
    for (const [property, cells] of this.#visible.entries()) {
      if (tree.writes.some(([cell]) => cells.has(cell))) this.#set(access.writes, `property ${property}`);
    }
    for (const spawn of tree.spawns) this.#set(access.writes, `slots ${spawn.family.number}`);
    if (tree.next === null) this.#set(access.writes, `slots ${family.number}`);
    return { ...access, all: tree.threw !== null };
  }

  #futures(): Access[][] {
    const { ofFamily } = this.#blocks;
    const future = ofFamily.map((blocks) => blocks.map(({ tree, family }) => {
      const access = this.#empty();
      this.#collect(tree, new Set(), family, access);
      return access;
    }));
    const after = ofFamily.map((blocks) => blocks.map(({ tree, family }) =>
      leavesOf(tree).flatMap(({ next, spawns }) => [
        ...(next === null ? [] : [future[family.number]?.[next]]),
        ...spawns.map((spawn) => (spawn.block === null ? undefined : future[spawn.family.number]?.[spawn.block])),
      ])));
    for (let changed = true; changed; ) {
      changed = false;
      for (const [family, blocks] of future.entries()) {
        for (const [block, access] of blocks.entries()) {
          for (const next of after[family]?.[block] ?? []) if (next !== undefined && include(access, next)) changed = true;
        }
      }
    }
    return future;
  }

  #collect(tree: BlockTree, read: ReadonlySet<number>, family: Family, into: Access): void {
    include(into, this.step(tree, read, family));
    if (tree.kind !== 'branch') return;
    for (const child of tree.children) this.#collect(child, new Set(read).add(tree.cell), family, into);
  }

  #empty(): Access {
    return { reads: new Int32Array(this.words), writes: new Int32Array(this.words) };
  }

  #set(words: Int32Array, name: string): void {
    const bit = this.#bitOf.get(name);
    // What nobody else depends on by has no bit.
    if (bit !== undefined) words[bit >>> 5] = (words[bit >>> 5] as number) | (1 << (bit & 31));
  }
}

/** Whether it was not all in there before. */
function include(into: Access, from: Access): boolean {
  let changed = false;
  for (const kind of ['reads', 'writes'] as const) {
    for (const [word, bits] of from[kind].entries()) {
      const before = into[kind][word] as number;
      into[kind][word] = before | bits;
      changed ||= into[kind][word] !== before;
    }
  }
  return changed;
}
