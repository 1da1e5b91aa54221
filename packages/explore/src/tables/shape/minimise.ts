// Partition refinement: places of one family are in one block until something tells them apart. Cells that nobody reads are no
// part of what an agent does.
import type { Branch, Leaf, Place, Tree } from '../learn/behaviour.ts';
import type { Learned } from '../learn/learner.ts';
import type { Block, Blocks, BlockLeaf, BlockTree } from './blocks.ts';
import { cellsReadBy } from './blocks.ts';

export interface Minimised {
  readonly blocks: Blocks;
  /** Cells that make a difference to somebody. */
  readonly cells: ReadonlySet<number>;
}

/** `looked`: cells that properties look at. */
export function minimise(learned: Learned, looked: ReadonlySet<number>): Minimised {
  let cells = new Set(looked);
  for (const { tree } of learned.places) cellsOfTree(tree, cells);
  const places = learned.closed ? learned.places : reachedPlaces(learned);
  for (;;) {
    const blocks = new Refinement(learned, places, cells).run();
    const used = new Set(looked);
    for (const { tree } of blocks.ofFamily.flat()) cellsReadBy(tree, used);
    // Agents that are told apart no more may be the only ones that read a cell.
    if (used.size === cells.size) return { blocks, cells };
    cells = used;
  }
}

/** Places that somebody was seen to come to. */
function reachedPlaces({ places, roots }: Learned): readonly Place[] {
  const reached = new Set<Place>(roots.flatMap(({ place }) => (place === null ? [] : [place])));
  for (const place of reached) for (const next of nextOf(place.tree, new Set(), true)) reached.add(next);
  return places.filter((place) => reached.has(place));
}

function cellsOfTree(tree: Tree | null | undefined, into: Set<number>): void {
  if (tree?.kind !== 'branch') return;
  into.add(tree.cell);
  for (const child of tree.children) cellsOfTree(child, into);
}

class Refinement {
  readonly #learned: Learned;
  readonly #places: readonly Place[];
  readonly #cells: ReadonlySet<number>;
  /** By block. */
  readonly #members: Place[][];
  readonly #blockOf: Int32Array;
  /** What each place does, as the number of a text. */
  readonly #behaviour: Int32Array;
  readonly #behaviours = new Map<string, number>();
  readonly #before: Place[][];

  constructor(learned: Learned, places: readonly Place[], cells: ReadonlySet<number>) {
    this.#learned = learned;
    this.#places = places;
    this.#cells = cells;
    const all = learned.places;
    this.#blockOf = Int32Array.from(all, ({ family }) => family.number);
    this.#members = learned.families.map((family) => places.filter((place) => place.family === family));
    this.#behaviour = new Int32Array(all.length);
    this.#before = all.map(() => []);
    for (const place of places) for (const next of nextOf(place.tree, new Set(), !learned.closed)) this.#before[next.number]?.push(place);
  }

  run(): Blocks {
    let changed: Iterable<Place> = this.#places;
    for (let again = true; again; ) {
      const touched = new Set<number>();
      for (const place of changed) {
        const now = this.#textOf(place.tree, place, new Map());
        if (now === this.#behaviour[place.number]) continue;
        this.#behaviour[place.number] = now;
        touched.add(this.#blockOf[place.number] as number);
      }
      const moved = this.#split(touched);
      const next = new Set<Place>();
      for (const place of moved) {
        next.add(place);
        for (const before of this.#before[place.number] ?? []) next.add(before);
      }
      changed = next;
      again = next.size > 0;
    }
    return this.#numbered();
  }

  /** Those of a block that behave like its first place stay; the others move to new blocks. */
  #split(touched: ReadonlySet<number>): Place[] {
    const moved: Place[] = [];
    for (const block of touched) {
      const byBehaviour = Map.groupBy(this.#members[block] as Place[], ({ number }) => this.#behaviour[number] as number);
      const [stay, ...others] = [...byBehaviour.values()];
      this.#members[block] = stay as Place[];
      for (const members of others) {
        const to = this.#members.push(members) - 1;
        for (const place of members) this.#blockOf[place.number] = to;
        moved.push(...members);
      }
    }
    return moved;
  }

  #textOf(tree: Tree | null | undefined, place: Place, known: Map<number, number>): number {
    if (!this.#counts(tree)) return this.#number('unknown');
    if (tree.kind === 'leaf') return this.#number(this.#leafText(tree, place, known));
    const children = this.#children(tree).map((child, code) => this.#textOf(child, place, known.set(tree.cell, code)));
    known.delete(tree.cell);
    return children.every((each) => each === children[0]) ? (children[0] as number) : this.#number(`${tree.cell}?${children.join()}`);
  }

  #leafText(leaf: Leaf, place: Place, known: ReadonlyMap<number, number>): string {
    const writes = this.#writes(leaf, known);
    if (this.#stays(leaf, place, writes)) return leaf.blocked ? 'stay' : 'look';
    const spawns = leaf.spawns.map((spawn) => `${spawn.family.number}/${spawn.place === null ? 'ended' : this.#blockOf[spawn.place.number]}`);
    const next = leaf.next === null ? 'ended' : this.#blockOf[leaf.next.number];
    return `${leaf.next === place ? 'same' : 'moves'} ${writes.join(';')} ${next} ${leaf.threw ?? ''} ${spawns.join(';')}`;
  }

  #writes({ writes, writeCodes }: Leaf, known: ReadonlyMap<number, number>): [number, number][] {
    return writes
      .map((cell, index): [number, number] => [cell, writeCodes[index] as number])
      .filter(([cell, code]) => this.#cells.has(cell) && known.get(cell) !== code)
      .sort(([one], [other]) => one - other);
  }

  /** It comes back to the very place, with nothing changed. To a place that is as good, it moves. */
  #stays({ blocked, threw, next, spawns }: Leaf, place: Place, writes: readonly unknown[]): boolean {
    return threw === null && (blocked || (writes.length === 0 && spawns.length === 0 && next === place));
  }

  #counts(tree: Tree | null | undefined): tree is Tree {
    return tree !== null && tree !== undefined && (tree.kind === 'branch' || tree.reached || this.#learned.closed);
  }

  /** One for each value, whether it was learned or not. */
  #children({ cell, children }: Branch): (Tree | undefined)[] {
    return Array.from({ length: this.#learned.book.domains.size(cell) }, (_, code) => children[code]);
  }

  #number(text: string): number {
    const known = this.#behaviours.get(text);
    if (known !== undefined) return known;
    const made = this.#behaviours.size + 1;
    this.#behaviours.set(text, made);
    return made;
  }

  /** Blocks by family, numbered from 0 in each, with the behaviour of one of their places. */
  #numbered(): Blocks {
    const { places, families } = this.#learned;
    const numberOf = new Map<number, number>();
    const first: Place[][] = families.map(() => []);
    for (const place of this.#places) {
      const block = this.#blockOf[place.number] as number;
      if (numberOf.has(block)) continue;
      const inFamily = first[place.family.number] as Place[];
      numberOf.set(block, inFamily.length);
      inFamily.push(place);
    }
    const blockOf = (place: Place) => numberOf.get(this.#blockOf[place.number] as number) as number;
    const ofFamily = first.map((inFamily) =>
      inFamily.map((place, number): Block => ({ number, family: place.family, tree: this.#treeOf(place.tree, place, new Map(), blockOf) })));
    return { ofFamily, ofPlace: Int32Array.from(places, (place) => blockOf(place) ?? 0) };
  }

  #treeOf(tree: Tree | null | undefined, place: Place, known: Map<number, number>, blockOf: (place: Place) => number): BlockTree {
    if (!this.#counts(tree)) return { kind: 'unknown' };
    if (tree.kind === 'branch') {
      const all = this.#children(tree);
      const same = all.map((child, code) => this.#textOf(child, place, new Map(known).set(tree.cell, code)));
      if (same.every((each) => each === same[0])) return this.#treeOf(all[0], place, known, blockOf);
      const children = all.map((child, code) => this.#treeOf(child, place, new Map(known).set(tree.cell, code), blockOf));
      return { kind: 'branch', cell: tree.cell, children };
    }
    const writes = this.#writes(tree, known);
    if (this.#stays(tree, place, writes)) return { kind: tree.blocked ? 'stay' : 'look' };
    const leaf: BlockLeaf = {
      kind: 'leaf',
      writes,
      next: tree.next === null ? null : blockOf(tree.next),
      moves: tree.next !== place,
      threw: tree.threw,
      spawns: tree.spawns.map((spawn) => ({ family: spawn.family, block: spawn.place === null ? null : blockOf(spawn.place) })),
    };
    return leaf;
  }
}

function nextOf(tree: Tree | null | undefined, into: Set<Place>, reached: boolean): Set<Place> {
  if (tree?.kind === 'branch') for (const child of tree.children) nextOf(child, into, reached);
  if (tree?.kind !== 'leaf' || (reached && !tree.reached)) return into;
  if (tree.next !== null) into.add(tree.next);
  for (const { place } of tree.spawns) if (place !== null) into.add(place);
  return into;
}
