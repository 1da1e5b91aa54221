// Locks out of atomic instructions: exchange, fetch-and-add, and both made of two accesses.
// J. M. Mellor-Crummey, M. L. Scott, "Algorithms for scalable synchronization on shared-memory multiprocessors", 1991.
import { DEADLOCK } from '../../src/model.ts';
import type { World } from '../../src/model.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

const testAndSet = (world: World): Protocol<void> => {
  const taken = new Cell(world, 'taken', false);
  return {
    *entry() {
      while (yield* taken.modify('exchange', () => true, null));
    },
    exit: () => taken.write(false),
  };
};

const testThenSet = (world: World): Protocol<void> => {
  const taken = new Cell(world, 'taken', false);
  return {
    *entry() {
      yield* taken.until((is) => !is);
      yield* taken.write(true);
    },
    exit: () => taken.write(false),
  };
};

/** Numbers go round: there are never more in use than processes. */
const ticket = (processes: number, atomic: boolean) => (world: World): Protocol<number> => {
  const next = new Cell(world, 'next', 0);
  const serving = new Cell(world, 'serving', 0);
  const after = (number: number): number => (number + 1) % processes;
  return {
    *entry() {
      const mine = yield* atomic ? next.modify('fetch and add', after) : next.read();
      if (!atomic) yield* next.write(after(mine));
      yield* serving.until((number) => number === mine, mine);
      return mine;
    },
    exit: (_, mine) => serving.write(after(mine)),
  };
};

export const spinLockAnswers = known('J. M. Mellor-Crummey, M. L. Scott, 1991', [
  { model: mutexModel('test-and-set lock', testAndSet), expected: access(proved, proved, refuted(), refuted()) },
  { model: mutexModel('test-and-set lock in two accesses', testThenSet), expected: access(refuted(6), proved, refuted(), refuted()) },
  { model: mutexModel('ticket lock', ticket(3, true), { processes: 3 }), expected: access(proved, proved, proved, proved, proved) },
  {
    model: mutexModel('ticket lock, number taken in two accesses', ticket(2, false)),
    expected: { ...access(refuted(8), refuted(), refuted(), refuted()), [DEADLOCK]: refuted() },
  },
]);
