// First come, first served, through a waiting room with two doors: five values of one variable for each process.
// B. K. Szymanski, "A simple solution to Lamport's concurrent programming problem with linear wait", 1988.
import type { Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

type Step = 'order' | 'last one closes' | 'doorway';

const szymanski = (processes: number, leftOut?: Step) => (world: World): Protocol<void> => {
  const flag = new Cells(world, 'flag', processes, 0);
  const everybody = Array.from({ length: processes }, (_, index) => index);
  const all = function* (who: readonly number[], holds: (value: number) => boolean, where: string, again: boolean): Steps<boolean> {
    for (const [index, each] of who.entries()) {
      const value = yield* flag.at(each).read(where, again && index === 0);
      if (!holds(value)) return false;
    }
    return true;
  };
  const every = function* (who: readonly number[], holds: (value: number) => boolean, where: string): Steps<void> {
    for (let again = false; !(yield* all(who, holds, where, again));) again = true;
  };
  const none = (who: readonly number[], value: number, where: string, again = false): Steps<boolean> =>
    all(who, (each) => each !== value, where, again);
  return {
    *entry(me) {
      const others = everybody.filter((each) => each !== me);
      yield* flag.at(me).write(1);
      yield* every(others, (value) => value < 3, 'door in');
      if (leftOut !== 'doorway') {
        yield* flag.at(me).write(3);
        if (!(yield* none(others, 1, 'doorway'))) {
          yield* flag.at(me).write(2);
          for (let again = false; yield* none(others, 4, 'waiting room', again);) again = true;
        }
      }
      yield* flag.at(me).write(4);
      if (leftOut !== 'order') yield* every(everybody.slice(0, me), (value) => value < 2, 'order');
    },
    *exit(me) {
      if (leftOut !== 'last one closes') yield* every(everybody.slice(me + 1), (value) => value < 2 || value > 3, 'door out');
      yield* flag.at(me).write(0);
    },
  };
};

export const szymanskiAnswers = known('B. K. Szymanski, 1988', [
  { model: mutexModel('Szymanski', szymanski(2)), expected: access(proved, proved, proved, proved) },
  {
    model: mutexModel('Szymanski for three', szymanski(3), { processes: 3, rounds: [1, 1, 1], told: true }),
    expected: access(proved, proved, proved, proved, proved),
  },
  { model: mutexModel('Szymanski, in no order', szymanski(2, 'order')), expected: access(refuted(12), proved, refuted(), proved) },
  {
    model: mutexModel('Szymanski, the door is left open', szymanski(2, 'last one closes')),
    expected: access(refuted(23), proved, proved, refuted()),
  },
  { model: mutexModel('Szymanski, no doorway', szymanski(2, 'doorway')), expected: access(refuted(9), proved, refuted(), refuted()) },
]);
