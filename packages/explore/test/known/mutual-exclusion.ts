// The frame of all mutual exclusion problems: processes that are somewhere else, try to enter, are inside, and leave.
import type { Steps } from '@siov/base';
import type { Model, ModelAgent, Property, World } from '../../src/model.ts';
import { at, remembering, telling } from '../witness/local.ts';
import type { Expected } from './known-answer.ts';
import { responds } from './responds.ts';

export interface Protocol<Pass> {
  /** The last access that it makes is the step in which the process gets in. */
  entry(me: number): Steps<Pass>;
  exit(me: number, pass: Pass): Steps<void>;
}

export interface Frame {
  /** 2 unless told. */
  readonly processes?: number;
  /** How often each process enters; Infinity unless told. */
  readonly rounds?: readonly number[];
  /** Whether it is known to everybody what processes remember in their loops: there would be too many states else. */
  readonly told?: boolean;
}

const EXCLUSION = 'mutual exclusion';
const SOMEBODY = 'somebody gets in';
const getsIn = (me: number): string => `p${me} gets in`;

type Place = 'elsewhere' | 'trying' | 'inside';

/** Where every process is: written in the step of an access that is made anyway, so it costs no step. */
class Places {
  readonly #places: Record<string, Place>;

  constructor(world: World, processes: number) {
    const initial: Record<string, Place> = {};
    for (let me = 0; me < processes; me++) initial[`p${me}`] = 'elsewhere';
    this.#places = world.state.record('places', initial);
  }

  go(me: number, place: Place): void {
    this.#places[`p${me}`] = place;
  }

  is(me: number, place: Place): boolean {
    return this.#places[`p${me}`] === place;
  }
}

export function mutexModel<Pass>(name: string, protocol: (world: World) => Protocol<Pass>, frame: Frame = {}): Model {
  const { processes = 2, rounds = [], told = false } = frame;
  return {
    name,
    make(world) {
      const { entry, exit } = protocol(world);
      const places = new Places(world, processes);
      const all = Array.from({ length: processes }, (_, me) => me);
      const once = function* (me: number): Steps<void> {
        yield at('memory', 'outside', null);
        places.go(me, 'trying');
        const pass = yield* entry(me);
        places.go(me, 'inside');
        yield { kind: 'memory', what: 'inside' };
        places.go(me, 'elsewhere');
        yield* exit(me, pass);
      };
      const process = function* (me: number): Steps<void> {
        const last = rounds[me] ?? Infinity;
        for (let round = 0; round < last; round++) {
          const steps = last === Infinity ? once(me) : remembering(round, once(me));
          yield* told ? telling(steps) : steps;
        }
      };
      const agents = all.map((me): ModelAgent => ({ name: `p${me}`, steps: process(me) }));
      const some = (place: Place): boolean => all.some((me) => places.is(me, place));
      const properties: Property[] = [
        { kind: 'always', name: EXCLUSION, holds: () => all.filter((me) => places.is(me, 'inside')).length < 2 || 'two are inside' },
        responds(SOMEBODY, () => some('trying'), () => some('inside')),
        ...all.map((me) => responds(getsIn(me), () => places.is(me, 'trying'), () => places.is(me, 'inside'))),
      ];
      return { agents, properties };
    },
  };
}

/** What is expected of `mutual exclusion`, of somebody getting in, and of each process getting in. */
export function access(exclusion: Expected, somebody: Expected, ...each: readonly Expected[]): Record<string, Expected> {
  return { [EXCLUSION]: exclusion, [SOMEBODY]: somebody, ...Object.fromEntries(each.map((expected, me) => [getsIn(me), expected])) };
}
