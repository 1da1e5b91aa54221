// A queue of waiting processes, each spinning on its own variable.
// J. M. Mellor-Crummey, M. L. Scott, "Algorithms for scalable synchronization on shared-memory multiprocessors", 1991 (MCS).
import { DEADLOCK } from '../../src/model.ts';
import type { World } from '../../src/model.ts';
import { Cell, Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

const NOBODY = -1;

type Fault = 'release without compare and swap' | 'locked after it is linked';

const queueLock = (processes: number, fault?: Fault) => (world: World): Protocol<void> => {
  const tail = new Cell(world, 'tail', NOBODY);
  const next = new Cells(world, 'next', processes, NOBODY);
  const locked = new Cells(world, 'locked', processes, false);
  return {
    *entry(me) {
      yield* next.at(me).write(NOBODY);
      const before = yield* tail.modify('exchange', () => me);
      if (before === NOBODY) return;
      if (fault !== 'locked after it is linked') yield* locked.at(me).write(true);
      yield* next.at(before).write(me);
      if (fault === 'locked after it is linked') yield* locked.at(me).write(true);
      yield* locked.at(me).until((is) => !is);
    },
    *exit(me) {
      let after = yield* next.at(me).read();
      if (after === NOBODY) {
        if (fault === 'release without compare and swap') return yield* tail.write(NOBODY);
        if (yield* tail.compareAndSwap(me, NOBODY)) return;
        after = yield* next.at(me).until((who) => who !== NOBODY);
      }
      yield* locked.at(after).write(false);
    },
  };
};

export const queueLockAnswers = known('J. M. Mellor-Crummey, M. L. Scott, 1991', [
  { model: mutexModel('queue lock', queueLock(2)), expected: access(proved, proved, proved, proved) },
  {
    model: mutexModel('queue lock for three', queueLock(3), { processes: 3, rounds: [1, 1, 1] }),
    expected: access(proved, proved, proved, proved, proved),
  },
  {
    model: mutexModel('queue lock, released without compare and swap', queueLock(2, 'release without compare and swap')),
    expected: access(proved, proved, refuted(), refuted()),
  },
  {
    model: mutexModel('queue lock, locked after it is linked', queueLock(2, 'locked after it is linked')),
    expected: { ...access(proved, refuted(), refuted(), refuted()), [DEADLOCK]: refuted() },
  },
]);
