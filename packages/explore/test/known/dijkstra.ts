// The first solution for n processes, which lets one starve, and Knuth's that does not.
// E. W. Dijkstra, "Solution of a problem in concurrent programming control", 1965; D. E. Knuth, "Additional comments", 1966.
import type { Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { Cell, Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

/** `second`: whether a process shows that it is past the first gate before it looks whether others are. */
const dijkstra = (processes: number, second: boolean) => (world: World): Protocol<void> => {
  const idle = new Cells(world, 'b', processes, true);
  const outside = new Cells(world, 'c', processes, true);
  const chosen = new Cell(world, 'k', 0);
  const others = (me: number): number[] => Array.from({ length: processes }, (_, index) => index).filter((each) => each !== me);
  const alone = function* (me: number): Steps<boolean> {
    for (const other of others(me)) if (!(yield* outside.at(other).read('L4'))) return false;
    return true;
  };
  return {
    *entry(me) {
      yield* idle.at(me).write(false);
      for (let again = false; ; again = true) {
        if ((yield* chosen.read('L1', again)) !== me) {
          yield* outside.at(me).write(true);
          if (yield* idle.at(yield* chosen.read('L3')).read('L3')) yield* chosen.write(me);
          continue;
        }
        if (second) yield* outside.at(me).write(false);
        const free = yield* alone(me);
        if (!second) yield* outside.at(me).write(false);
        if (free) return;
      }
    },
    *exit(me) {
      yield* outside.at(me).write(true);
      yield* idle.at(me).write(true);
    },
  };
};

/** `control` of who waits is 1, of who is about to enter 2. `checks`: whether the second look at the others is made. */
const knuth = (checks: boolean) => (world: World): Protocol<void> => {
  const control = new Cells(world, 'control', 2, 0);
  const chosen = new Cell(world, 'k', 0);
  return {
    *entry(me) {
      for (;;) {
        yield* control.at(me).write(1);
        while ((yield* chosen.read(null)) !== me && (yield* control.at(1 - me).read()) !== 0);
        yield* control.at(me).write(2);
        if (!checks || (yield* control.at(1 - me).read()) !== 2) break;
      }
      yield* chosen.write(me);
    },
    *exit(me) {
      yield* chosen.write(1 - me);
      yield* control.at(me).write(0);
    },
  };
};

export const dijkstraAnswers = [
  ...known('E. W. Dijkstra, 1965', [
    { model: mutexModel('Dijkstra', dijkstra(2, true)), expected: access(proved, proved, refuted(), refuted()) },
    {
      model: mutexModel('Dijkstra, looks before it shows', dijkstra(2, false)),
      expected: access(refuted(15), proved, refuted(), refuted()),
    },
    {
      model: mutexModel('Dijkstra for three', dijkstra(3, true), { processes: 3, rounds: [1, 1, 1], told: true }),
      expected: access(proved, proved, proved, proved, proved),
    },
  ]),
  ...known('D. E. Knuth, 1966', [
    { model: mutexModel('Knuth', knuth(true)), expected: access(proved, proved, proved, proved) },
    { model: mutexModel('Knuth, no second look', knuth(false)), expected: access(refuted(11), proved, proved, proved) },
  ]),
];
