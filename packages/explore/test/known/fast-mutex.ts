// Seven accesses where nobody competes. L. Lamport, "A fast mutual exclusion algorithm", 1987.
import type { World } from '../../src/model.ts';
import { Cell, Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

/** `patient`: whether one that lost at `x` waits until all others have seen it before it looks at `y`. */
const fast = (patient: boolean) => (world: World): Protocol<void> => {
  const trying = new Cells(world, 'b', 2, false);
  const x = new Cell(world, 'x', -1);
  const y = new Cell(world, 'y', -1);
  return {
    *entry(me) {
      for (;;) {
        yield* trying.at(me).write(true);
        yield* x.write(me);
        if ((yield* y.read()) !== -1) {
          yield* trying.at(me).write(false);
          yield* y.until((who) => who === -1);
          continue;
        }
        yield* y.write(me);
        if ((yield* x.read()) === me) return;
        yield* trying.at(me).write(false);
        if (patient) yield* trying.at(1 - me).until((is) => !is);
        if ((yield* y.read()) === me) return;
        yield* y.until((who) => who === -1);
      }
    },
    *exit(me) {
      yield* y.write(-1);
      yield* trying.at(me).write(false);
    },
  };
};

export const fastMutexAnswers = known('L. Lamport, 1987', [
  { model: mutexModel('fast mutual exclusion', fast(true)), expected: access(proved, proved, refuted(), refuted()) },
  { model: mutexModel('fast mutual exclusion, impatient', fast(false)), expected: access(refuted(14), proved, refuted(), refuted()) },
]);
