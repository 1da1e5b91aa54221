// Learns what agents do at each place for what they read there, by running their code: first eagerly, for every combination of
// values that there could be, as values that are written make new ones; where that does not end soon, for what is asked for.
import { ModelError } from '@siov/base';
import type { Model } from '../../model.ts';
import { Nondeterministic } from '../../run/execution.ts';
import type { Branch, Family, Leaf, Place, Reached } from './behaviour.ts';
import { leafFor } from './behaviour.ts';
import { Book } from './book.ts';
import { differenceBetween } from './difference.ts';
import { Places } from './places.ts';
import { Trial } from './trial.ts';
import type { Running, StepSeen } from './trial.ts';
import type { Answer } from './trial-store.ts';

export interface Bounds {
  /** Beyond them agents are not learned at all. */
  readonly steps: number;
  readonly valuesOfCell: number;
  readonly seconds: number;
  /** Beyond them nothing is learned but what is asked for. */
  readonly eagerSteps: number;
  readonly eagerValuesOfCell: number;
}

export const BOUNDS: Bounds = { steps: 300_000, valuesOfCell: 1000, seconds: 20, eagerSteps: 8000, eagerValuesOfCell: 16 };

export interface Learned {
  readonly book: Book;
  readonly families: readonly Family[];
  readonly places: readonly Place[];
  /** Agents that the machine is made with, in slots of their families; null: it ended in the making. */
  readonly roots: readonly { readonly family: Family; readonly place: Place | null }[];
  /** Every combination of values is known; else only what is {@link Leaf.reached} counts. */
  readonly closed: boolean;
}

/** Not to be learned in advance; its message says why. */
export class NotLearned extends Error {}

/** A combination that nobody has tried: what is read first; what is read beyond it is what the cell starts with. */
interface Pending {
  readonly place: Place;
  readonly codes: readonly number[];
}

/** An agent in a trial, where it waits to take a step. */
interface Stand {
  readonly trial: Trial;
  readonly running: Running;
}

export class Learner implements Learned {
  readonly book = new Book();
  readonly roots: Learned['roots'];
  readonly #model: Model;
  readonly #bounds: Bounds;
  readonly #onStep: (steps: number) => void;
  readonly #places = new Places();
  readonly #pending: Pending[] = [];
  readonly #stands = new Map<Place, Stand>();
  /** By cell: where it is read, and after reading what. */
  readonly #readers = new Map<number, Pending[]>();
  readonly #began = performance.now();
  #eager = true;
  closed = true;
  #steps = 0;
  #turn = 0;

  constructor(model: Model, bounds: Bounds = BOUNDS, onStep: (steps: number) => void = () => {}) {
    this.#model = model;
    this.#bounds = bounds;
    this.#onStep = onStep;
    this.book.domains.grew = (cell, code) => this.#grew(cell, code);
    this.roots = this.#roots();
  }

  get families(): readonly Family[] {
    return this.#places.families;
  }

  get places(): readonly Place[] {
    return this.#places.all;
  }

  /** Times that code was run for a step: to learn it, or to come to where it is learned. */
  get steps(): number {
    return this.#steps;
  }

  /** Learns every combination of values; false: not all, as there are too many. */
  close(): boolean {
    const { eagerSteps } = this.#bounds;
    while (this.#steps < eagerSteps) {
      const next = this.#pending.pop();
      if (next === undefined) break;
      this.#learn(next.place, (_cell, position) => next.codes[position] ?? 0);
    }
    if (this.#pending.length > 0) this.closed = false;
    this.#pending.length = 0;
    this.#eager = false;
    this.#runAgain();
    return this.closed;
  }

  /** What an agent does at a place, learned where it was not yet. `codeOf`: what cells hold. */
  leaf(place: Place, codeOf: (cell: number) => number): Leaf {
    let leaf = leafFor(place.tree, codeOf);
    if (leaf === undefined) {
      this.#learn(place, codeOf);
      leaf = leafFor(place.tree, codeOf) as Leaf;
    }
    leaf.reached = true;
    return leaf;
  }

  /** Goes to a few places once more: who does the same once may not do it twice. */
  #runAgain(): void {
    const { places } = this;
    const apart = Math.max(1, Math.ceil(places.length / PLACES_AGAIN));
    for (let number = places.length - 1; number >= 0; number -= apart) {
      const place = places[number] as Place;
      if (wayTo(place).length <= NEAR) this.#reach(place);
    }
  }

  #roots(): { family: Family; place: Place | null }[] {
    const trial = new Trial(this.#model, this.book);
    return trial.roots.map((running, root) => {
      const family = this.#places.family(running.name, running.daemon);
      if (running.point === null) return { family, place: null };
      family.slots += 1;
      const place = this.#places.first(family, running.point, { by: 'making', root }, `root ${family.slots}`);
      this.#arrived(place, { trial, running });
      return { family, place };
    });
  }

  #learn(place: Place, answer: Answer): void {
    const stand = this.#stands.get(place) ?? this.#reach(place);
    this.#stands.delete(place);
    const seen = this.#step(place, stand, answer);
    const leaf = this.#leaf(place, seen);
    this.#add(place, seen, leaf);
    if (seen.blocked) this.#stands.set(place, stand);
    else if (leaf.next !== null) this.#arrived(leaf.next, stand);
    leaf.spawns.forEach((spawn, index) => {
      if (spawn.place !== null) this.#arrived(spawn.place, { trial: stand.trial, running: seen.spawned[index] as Running });
    });
  }

  /** A place that is new is learned from where the agent is now; at one that is known, it has to do what is known. */
  #arrived(place: Place, stand: Stand): void {
    if (place.tree !== null) this.#conforms(place, stand);
    else if (!this.#stands.has(place)) {
      this.#stands.set(place, stand);
      if (this.#eager) this.#pending.push({ place, codes: [] });
      else if (this.#stands.size > MOST_STANDS) this.#stands.delete(this.#stands.keys().next().value as Place);
    }
  }

  /** Runs an agent of a new machine to the place, by the way it was first reached. */
  #reach(place: Place): Stand {
    const [start, ...way] = wayTo(place);
    let stand = this.#start(start as Place);
    for (const next of way) stand = this.#follow(next, stand);
    return stand;
  }

  #start(place: Place): Stand {
    const { reached } = place;
    const trial = new Trial(this.#model, this.book);
    const running = reached.by === 'making' ? trial.roots[reached.root] : undefined;
    if (running?.point?.what !== place.what) throw this.#complaint(place, 'the machine is not the same each time it is made');
    return { trial, running };
  }

  /** From the place that it was reached from; as long as it does what it did then. */
  #follow(place: Place, stand: Stand): Stand {
    const { reached } = place;
    if (reached.by === 'making') throw new ModelError('a place that no step leads to is on the way to another');
    const seen = this.#step(reached.from, stand, (_cell, position) => reached.codes[position] ?? 0);
    this.#add(reached.from, seen, this.#leaf(reached.from, seen));
    return { trial: stand.trial, running: reached.by === 'spawn' ? (seen.spawned[reached.index] as Running) : stand.running };
  }

  #step(place: Place, { trial, running }: Stand, answer: Answer): StepSeen {
    const { steps, seconds } = this.#bounds;
    this.#steps += 1;
    this.#onStep(this.#steps);
    if (this.#steps > steps) throw new NotLearned(`more than ${steps} steps to learn`);
    if ((this.#steps & 63) === 0 && performance.now() - this.#began > seconds * 1000) throw new NotLearned(`learning took more than ${seconds} s`);
    if (running.point === null) throw this.#complaint(place, 'it has ended one time and not the other');
    return trial.step(running, answer);
  }

  #leaf(place: Place, seen: StepSeen): Leaf {
    const { blocked, threw, point } = seen;
    const spawns = seen.spawned.map((running, index) => {
      const family = this.#places.family(running.name, running.daemon);
      family.slots = Math.max(family.slots, 1);
      const reached: Reached = { by: 'spawn', from: place, codes: seen.readCodes, index };
      return { family, place: running.point === null ? null : this.#places.first(family, running.point, reached, 'spawned') };
    });
    if (blocked) return { kind: 'leaf', blocked, threw, writes: [], writeCodes: [], next: place, spawns, reached: false };
    const next = point === null ? null : this.#places.after(place, seen, point);
    if (next !== null && (next.kind !== point?.kind || next.what !== point.what)) {
      throw this.#complaint(place, `it goes on to ${next.kind} ${next.what} one time and to ${point?.kind} ${point?.what} the other, having read the same`);
    }
    return { kind: 'leaf', blocked, threw, writes: seen.writes, writeCodes: seen.writeCodes, next, spawns, reached: false };
  }

  /** Puts a leaf where what was read leads to; one that is there already has to be the same. */
  #add(place: Place, { reads, readCodes }: StepSeen, leaf: Leaf): void {
    let put = (tree: Branch | Leaf): void => void (place.tree = tree);
    let at = place.tree ?? undefined;
    for (let depth = 0; depth < reads.length; depth++) {
      const [cell, code] = [reads[depth] as number, readCodes[depth] as number];
      if (at === undefined) put((at = this.#branch(place, cell, code, readCodes.slice(0, depth))));
      else if (at.kind === 'leaf' || at.cell !== cell) throw this.#complaint(place, this.#readsOther(cell, at));
      const branch: Branch = at;
      put = (tree) => void (branch.children[code] = tree);
      at = branch.children[code];
    }
    if (at === undefined) return put(leaf);
    const difference = at.kind === 'branch' ? `it reads ${this.book.cells.name(at.cell)} one time and not the other` : differenceBetween(at, leaf, this.book);
    if (difference !== null) throw this.#complaint(place, difference);
  }

  #branch(place: Place, cell: number, taken: number, before: readonly number[]): Branch {
    const readers = this.#readers.get(cell) ?? [];
    this.#readers.set(cell, readers);
    readers.push({ place, codes: before });
    for (let code = this.book.domains.size(cell) - 1; code >= 0; code--) if (code !== taken) this.#later({ place, codes: [...before, code] });
    return { kind: 'branch', cell, children: [] };
  }

  #grew(cell: number, code: number): void {
    if (code >= this.#bounds.valuesOfCell) throw new NotLearned(`${this.book.cells.name(cell)} takes more than ${this.#bounds.valuesOfCell} values`);
    for (const { place, codes } of this.#readers.get(cell) ?? []) this.#later({ place, codes: [...codes, code] });
  }

  #later(pending: Pending): void {
    if (this.#eager && (pending.codes.at(-1) ?? 0) < this.#bounds.eagerValuesOfCell) this.#pending.push(pending);
    else this.closed = false;
  }

  /** The first few steps from a place that was reached another way before, each with values that were tried. */
  #conforms(known: Place, stand: Stand): void {
    let place: Place | null = known;
    for (let steps = 0; steps < STEPS_THAT_CONFORM && place !== null && place.tree !== null; steps++) {
      const path = new KnownPath(place, this.#turn++);
      const seen = this.#step(place, stand, path.answer);
      if (path.strange !== null) throw this.#complaint(place, this.#readsOther(path.strange, path.at));
      const leaf = this.#leaf(place, seen);
      this.#add(place, seen, leaf);
      if (seen.blocked) return;
      place = leaf.next;
    }
  }

  #readsOther(cell: number, known: Branch | Leaf): string {
    const { cells } = this.book;
    return `it reads ${cells.name(cell)} one time and ${known.kind === 'leaf' ? 'not' : cells.name(known.cell)} the other, having read the same before`;
  }

  #complaint(place: Place, why: string): Nondeterministic {
    return new Nondeterministic(`${place.family.name} at ${place.kind} ${place.what}: ${why}. What agents share goes through the state port`);
  }
}

const STEPS_THAT_CONFORM = 6;
const PLACES_AGAIN = 12;
/** Steps to a place that is worth going to again. */
const NEAR = 200;
/** Machines that are kept for the next step to learn in them. */
const MOST_STANDS = 500;

/** Places on the way to it, from the machine's start. */
function wayTo(place: Place): Place[] {
  const way = [place];
  for (let { reached } = place; reached.by !== 'making'; { reached } = reached.from) way.push(reached.from);
  return way.reverse();
}

/** Answers an agent with values that were tried at this place, others each time. */
class KnownPath {
  at: Branch | Leaf;
  /** The cell that it did not read before. */
  strange: number | null = null;
  readonly #turn: number;

  constructor(place: Place, turn: number) {
    this.at = place.tree as Branch | Leaf;
    this.#turn = turn;
  }

  readonly answer: Answer = (cell) => {
    const { at } = this;
    if (this.strange !== null) return 0;
    if (at.kind === 'leaf' || at.cell !== cell) {
      this.strange = cell;
      return 0;
    }
    const tried = at.children.flatMap((child, code) => (child === undefined ? [] : [code]));
    const code = tried[this.#turn % tried.length] as number;
    this.at = at.children[code] as Branch | Leaf;
    return code;
  };
}
