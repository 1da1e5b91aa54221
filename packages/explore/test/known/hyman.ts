// The simplification of Dijkstra's algorithm that was published as correct and is not; and with its wait put right, which
// makes it Peterson's. H. Hyman, "Comments on a problem in concurrent programming control", 1966.
import type { World } from '../../src/model.ts';
import { Cell, Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

const hyman = (world: World): Protocol<void> => {
  const idle = new Cells(world, 'b', 2, true);
  const chosen = new Cell(world, 'k', 0);
  return {
    *entry(me) {
      yield* idle.at(me).write(false);
      while ((yield* chosen.read(null)) !== me) {
        yield* idle.at(1 - me).until((is) => is);
        yield* chosen.write(me);
      }
    },
    exit: (me) => idle.at(me).write(true),
  };
};

const corrected = (world: World): Protocol<void> => {
  const idle = new Cells(world, 'b', 2, true);
  const chosen = new Cell(world, 'k', 0);
  return {
    *entry(me) {
      yield* idle.at(me).write(false);
      yield* chosen.write(1 - me);
      while ((yield* chosen.read(null)) !== me && !(yield* idle.at(1 - me).read()));
    },
    exit: (me) => idle.at(me).write(true),
  };
};

export const hymanAnswers = known('H. Hyman, 1966', [
  { model: mutexModel('Hyman', hyman), expected: access(refuted(9), proved, refuted(), refuted()) },
  { model: mutexModel('Hyman, corrected', corrected), expected: access(proved, proved, proved, proved) },
]);
