// Mutual exclusion with a flag for each process and the turn of one: for two processes, and the filter of n-1 levels for n.
// G. L. Peterson, "Myths about the mutual exclusion problem", 1981.
import type { Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { Cell, Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

interface Variables {
  readonly flag: Cells<boolean>;
  readonly turn: Cell<number>;
}

const peterson = (announce: (variables: Variables, me: number) => Steps<void>) => (world: World): Protocol<void> => {
  const flag = new Cells(world, 'flag', 2, false);
  const turn = new Cell(world, 'turn', 0);
  return {
    *entry(me) {
      yield* announce({ flag, turn }, me);
      for (let again = false; ; again = true) {
        if (!(yield* flag.at(1 - me).read('wait', again))) return;
        if ((yield* turn.read()) === me) return;
      }
    },
    exit: (me) => flag.at(me).write(false),
  };
};

const flagFirst = peterson(function* ({ flag, turn }, me) {
  yield* flag.at(me).write(true);
  yield* turn.write(1 - me);
});

const turnFirst = peterson(function* ({ flag, turn }, me) {
  yield* turn.write(1 - me);
  yield* flag.at(me).write(true);
});

const turnToMyself = peterson(function* ({ flag, turn }, me) {
  yield* flag.at(me).write(true);
  yield* turn.write(me);
});

/** `levels` is n-1 where it is right: one process is left behind at each. */
const filter = (processes: number, levels: number) => (world: World): Protocol<void> => {
  const level = new Cells(world, 'level', processes, 0);
  const last = new Cells(world, 'last', levels + 1, -1);
  const others = (me: number): number[] => Array.from({ length: processes }, (_, index) => index).filter((each) => each !== me);
  const crowded = function* (me: number, at: number, again: boolean): Steps<boolean> {
    const [first, ...rest] = others(me);
    if (first !== undefined && (yield* level.at(first).read(at, again)) >= at) return true;
    for (const other of rest) if ((yield* level.at(other).read(at)) >= at) return true;
    return false;
  };
  return {
    *entry(me) {
      for (let at = 1; at <= levels; at++) {
        yield* level.at(me).write(at);
        yield* last.at(at).write(me);
        for (let again = false; (yield* crowded(me, at, again)) && (yield* last.at(at).read(at)) === me;) again = true;
      }
    },
    exit: (me) => level.at(me).write(0),
  };
};

export const petersonAnswers = known('G. L. Peterson, 1981', [
  { model: mutexModel('Peterson', flagFirst), expected: access(proved, proved, proved, proved) },
  { model: mutexModel('Peterson, turn before flag', turnFirst), expected: access(refuted(9), proved, proved, proved) },
  { model: mutexModel('Peterson, turn to myself', turnToMyself), expected: access(refuted(9), proved, refuted(), refuted()) },
  {
    model: mutexModel('Peterson for three', filter(3, 2), { processes: 3, rounds: [1, 1, 1], told: true }),
    expected: access(proved, proved, proved, proved, proved),
  },
  {
    model: mutexModel('Peterson for three, one level', filter(3, 1), { processes: 3, rounds: [1, 1, 1], told: true }),
    expected: access(refuted(13), proved, proved, proved, proved),
  },
]);
