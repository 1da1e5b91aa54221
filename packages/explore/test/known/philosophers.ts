// Philosophers who need two forks each. E. W. Dijkstra, "Hierarchical ordering of sequential processes", EWD 310, 1971: all
// take the left first and wait for ever, or the forks are ordered; C. A. R. Hoare, 1985: one stays outside the room.
import type { Steps } from '@siov/base';
import { DEADLOCK } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';
import { responds } from './responds.ts';
import { Semaphore } from './semaphore.ts';

const NEIGHBOURS = 'no two neighbours eat';
const eats = (who: number): string => `philosopher ${who} eats when hungry`;
const SOMEBODY = 'somebody eats';

type Order = 'left first' | 'lower first' | 'room for all but one';

function philosophers(name: string, count: number, order: Order): Model {
  return {
    name,
    make(world) {
      const all = Array.from({ length: count }, (_, index) => index);
      const forks = all.map((index) => new Semaphore(world, `fork${index}`, 1));
      const room = new Semaphore(world, 'room', count - 1);
      const states = world.state.words('state', count);
      const fork = (index: number): Semaphore => forks[index % count] ?? room;
      const leftFirst = (me: number): boolean => order !== 'lower first' || me < count - 1;
      const sides = (me: number): [Semaphore, Semaphore] => (leftFirst(me) ? [fork(me), fork(me + 1)] : [fork(me + 1), fork(me)]);
      const philosopher = function* (me: number): Steps<void> {
        const [first, second] = sides(me);
        for (;;) {
          yield at('wait', 'think', null);
          states[me] = 1;
          if (order === 'room for all but one') yield* room.p();
          yield* first.p();
          yield* second.p();
          states[me] = 2;
          yield { kind: 'wait', what: 'eat' };
          states[me] = 0;
          yield* first.v();
          yield* second.v();
          if (order === 'room for all but one') yield* room.v();
        }
      };
      const eating = (who: number): boolean => states[who % count] === 2;
      return {
        agents: all.map((me) => ({ name: `philosopher ${me}`, steps: philosopher(me) })),
        properties: [
          { kind: 'always', name: NEIGHBOURS, holds: () => !all.some((me) => eating(me) && eating(me + 1)) },
          responds(SOMEBODY, () => all.some((me) => states[me] === 1), () => all.some(eating)),
          responds(eats(0), () => states[0] === 1, () => eating(0)),
        ],
      };
    },
  };
}

export const philosopherAnswers = known('E. W. Dijkstra, 1971', [
  {
    model: philosophers('two philosophers, left first', 2, 'left first'),
    expected: { [NEIGHBOURS]: proved, [SOMEBODY]: refuted(), [eats(0)]: refuted(), [DEADLOCK]: refuted(4) },
  },
  {
    model: philosophers('three philosophers, left first', 3, 'left first'),
    expected: { [NEIGHBOURS]: proved, [SOMEBODY]: refuted(), [eats(0)]: refuted(), [DEADLOCK]: refuted(6) },
  },
  {
    model: philosophers('three philosophers, forks ordered', 3, 'lower first'),
    expected: { [NEIGHBOURS]: proved, [SOMEBODY]: proved, [eats(0)]: refuted() },
  },
  {
    model: philosophers('three philosophers, room for two', 3, 'room for all but one'),
    expected: { [NEIGHBOURS]: proved, [SOMEBODY]: proved, [eats(0)]: refuted() },
  },
]);
