// Names the places agents come to, so that coming to one again is noticed: by history, by `anew`, and by polling.
import type { Point } from '@siov/base';
import type { Family, Place, Reached } from './behaviour.ts';
import type { Accesses } from './trial-store.ts';

export class Places {
  readonly families: Family[] = [];
  readonly all: Place[] = [];
  readonly #byKey = new Map<string, Place>();

  family(name: string, daemon: boolean): Family {
    const known = this.families.find((family) => family.name === name);
    if (known !== undefined) return known;
    const made: Family = { number: this.families.length, name, daemon, slots: 0, places: [] };
    this.families.push(made);
    return made;
  }

  first(family: Family, point: Point, reached: Reached, origin: string): Place {
    const key = point.anew === true ? `${family.number} ${origin}|anew|${point.what}` : startOf(reached);
    return this.#place(key, { family, kind: point.kind, what: point.what, reached, poll: null, origin });
  }

  /** Where a step leads that ends at `point`. */
  after(from: Place, seen: Accesses, point: Point): Place {
    const { family, origin, poll } = from;
    const { kind, what } = point;
    const reached: Reached = { by: 'step', from, codes: seen.readCodes };
    const made = { family, kind, what, reached, origin };
    if (point.anew === true) return this.#place(`${family.number} ${origin}|anew|${what}`, { ...made, poll: null });
    const since = poll === null ? '' : `${poll.since};${seen.reads.map((cell, index) => `${cell}=${seen.readCodes[index]}`).join()}`;
    const history = `${from.number}|${seen.readCodes.join()}`;
    if (kind !== 'poll') return this.#place(history, { ...made, poll: poll === null || since.length > MOST_POLL_TEXT ? null : { ...poll, since } });
    // Between two polls of one place nothing is remembered but what was read: that is what polling means.
    if (poll?.what === what) return this.#place(`${family.number}|poll|${poll.base}|${what}|${since}`, { ...made, poll: { what, base: poll.base, since: '' } });
    return this.#place(history, { ...made, poll: { what, base: from.number, since: '' } });
  }

  #place(key: string, made: Omit<Place, 'number' | 'tree'>): Place {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const place: Place = { ...made, number: this.all.length, tree: null };
    this.all.push(place);
    made.family.places.push(place);
    this.#byKey.set(key, place);
    return place;
  }
}

function startOf(reached: Reached): string {
  if (reached.by === 'making') return `root ${reached.root}`;
  return reached.by === 'spawn' ? `${reached.from.number}|${reached.codes.join()}/${reached.index}` : `${reached.from.number}|${reached.codes.join()}`;
}

/** Longer, and it was no polling. */
const MOST_POLL_TEXT = 4096;
