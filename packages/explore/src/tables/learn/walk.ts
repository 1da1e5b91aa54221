// States as they are, with every cell and every agent's place: to walk schedules step by step and learn what is not known on the
// way. Slow; for where the tables have gaps.
import type { Leaf, Place } from './behaviour.ts';
import type { Learner } from './learner.ts';

export class WalkState {
  /** By cell; what is not there is 0, the initial value. */
  readonly #codes: readonly number[];
  /** By family and slot. */
  readonly #places: readonly (readonly (Place | null)[])[];

  constructor(codes: readonly number[], places: readonly (readonly (Place | null)[])[]) {
    this.#codes = codes;
    this.#places = places;
  }

  static initial({ families, roots }: Learner): WalkState {
    return new WalkState([], families.map((family) => roots.flatMap((root) => (root.family === family && root.place !== null ? [root.place] : []))));
  }

  readonly codeOf = (cell: number): number => this.#codes[cell] ?? 0;

  get key(): string {
    return `${this.#codes.join()}|${this.#places.map((places) => places.map((place) => place?.number ?? '').join()).join(';')}`;
  }

  *agents(): Iterable<{ readonly family: number; readonly index: number; readonly place: Place }> {
    for (const [family, places] of this.#places.entries()) {
      for (const [index, place] of places.entries()) if (place !== null) yield { family, index, place };
    }
  }

  place(family: number, index: number): Place | null {
    return this.#places[family]?.[index] ?? null;
  }

  after(family: number, index: number, { writes, writeCodes, next, spawns }: Leaf): WalkState {
    const codes = [...this.#codes];
    for (const [at, cell] of writes.entries()) {
      while (codes.length < cell) codes.push(0);
      codes[cell] = writeCodes[at] as number;
    }
    const places = this.#places.map((each) => [...each]);
    (places[family] as (Place | null)[])[index] = next;
    for (const { family: of, place } of spawns) {
      if (place === null) continue;
      while (places.length <= of.number) places.push([]);
      const slots = places[of.number] as (Place | null)[];
      const free = slots.findIndex((slot) => slot === null);
      slots[free < 0 ? slots.length : free] = place;
      of.slots = Math.max(of.slots, slots.length);
    }
    return new WalkState(codes, places);
  }
}

/** Breadth first from some states, learning every step; ends after that many states. */
export function walk(learner: Learner, from: readonly WalkState[], states: number): void {
  const seen = new Set(from.map(({ key }) => key));
  const known = [...from];
  // Grows while it is walked.
  for (const state of known) {
    for (const { family, index, place } of state.agents()) {
      const leaf = learner.leaf(place, state.codeOf);
      if (leaf.blocked || leaf.threw !== null) continue;
      const after = state.after(family, index, leaf);
      const { key } = after;
      if (seen.has(key) || known.length >= states) continue;
      seen.add(key);
      known.push(after);
    }
  }
}

/** The state after a schedule of families' slots. */
export function walkTo(learner: Learner, schedule: readonly { readonly family: number; readonly index: number }[]): WalkState {
  let state = WalkState.initial(learner);
  for (const { family, index } of schedule) {
    const place = state.place(family, index);
    if (place === null) throw new Error('an agent of the schedule is not there: the tables are wrong');
    state = state.after(family, index, learner.leaf(place, state.codeOf));
  }
  return state;
}
