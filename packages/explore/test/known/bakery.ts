// The bakery: who enters takes a number larger than all it sees; the smallest goes first. Numbers only grow while somebody is
// there, so the rounds are bounded. L. Lamport, "A new solution of Dijkstra's concurrent programming problem", 1974.
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

interface Bakery {
  readonly processes: number;
  /** Whether a process shows that it is picking its number. */
  readonly choosing: boolean;
  /** Whether of equal numbers that of the lower process is smaller. */
  readonly ties: boolean;
}

const bakery = ({ processes, choosing, ties }: Bakery) => (world: World): Protocol<void> => {
  const choose = new Cells(world, 'choosing', processes, false);
  const number = world.state.words('number', processes);
  const all = Array.from({ length: processes }, (_, index) => index);
  const numberOf = function* (who: number): Steps<number> {
    yield point('memory', `read number ${who}`);
    return number[who] ?? 0;
  };
  const take = function* (me: number): Steps<number> {
    let largest = 0;
    for (const other of all) largest = Math.max(largest, yield* numberOf(other));
    yield point('memory', `write number ${me}`);
    number[me] = largest + 1;
    return largest + 1;
  };
  const before = (a: number, who: number, b: number, me: number): boolean => a !== 0 && (a < b || (a === b && ties && who < me));
  return {
    *entry(me) {
      if (choosing) yield* choose.at(me).write(true);
      const mine = yield* take(me);
      if (choosing) yield* choose.at(me).write(false);
      for (const other of all.filter((each) => each !== me)) {
        if (choosing) yield* choose.at(other).until((busy) => !busy, mine);
        yield at('memory', `read number ${other}`, mine);
        while (before(number[other] ?? 0, other, mine, me)) yield at('poll', `read number ${other} again (${mine})`, mine);
      }
    },
    *exit(me) {
      yield point('memory', `write number ${me}`);
      number[me] = 0;
    },
  };
};

const twice = { rounds: [2, 2], told: true };
const three = { processes: 3, rounds: [1, 1, 1], told: true };

export const bakeryAnswers = known('L. Lamport, 1974', [
  {
    model: mutexModel('bakery', bakery({ processes: 2, choosing: true, ties: true }), twice),
    expected: access(proved, proved, proved, proved),
  },
  {
    model: mutexModel('bakery for three', bakery({ processes: 3, choosing: true, ties: true }), three),
    expected: access(proved, proved, proved, proved, proved),
  },
  {
    model: mutexModel('bakery, nobody shows that it chooses', bakery({ processes: 2, choosing: false, ties: true }), twice),
    expected: access(refuted(10), proved, proved, proved),
  },
  {
    model: mutexModel('bakery for three, nobody shows that it chooses', bakery({ processes: 3, choosing: false, ties: true }), three),
    expected: access(refuted(14), proved, proved, proved, proved),
  },
  {
    model: mutexModel('bakery, ties are not broken', bakery({ processes: 2, choosing: true, ties: false }), twice),
    expected: access(refuted(16), proved, proved, proved),
  },
]);
