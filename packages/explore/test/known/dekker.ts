// Dekker's algorithm and the four attempts before it that each fail in their own way.
// E. W. Dijkstra, "Cooperating sequential processes", EWD 123, 1965, section 2.
import { DEADLOCK } from '../../src/model.ts';
import type { World } from '../../src/model.ts';
import { Cell, Cells } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { access, mutexModel } from './mutual-exclusion.ts';
import type { Protocol } from './mutual-exclusion.ts';

const alternation = (world: World): Protocol<void> => {
  const turn = new Cell(world, 'turn', 0);
  return {
    *entry(me) {
      yield* turn.until((whose) => whose === me);
    },
    exit: (me) => turn.write(1 - me),
  };
};

const lookThenAnnounce = (world: World): Protocol<void> => {
  const wants = new Cells(world, 'wants', 2, false);
  return {
    *entry(me) {
      yield* wants.at(1 - me).until((other) => !other);
      yield* wants.at(me).write(true);
    },
    exit: (me) => wants.at(me).write(false),
  };
};

const announceThenLook = (world: World): Protocol<void> => {
  const wants = new Cells(world, 'wants', 2, false);
  return {
    *entry(me) {
      yield* wants.at(me).write(true);
      yield* wants.at(1 - me).until((other) => !other);
    },
    exit: (me) => wants.at(me).write(false),
  };
};

const afterYou = (world: World): Protocol<void> => {
  const wants = new Cells(world, 'wants', 2, false);
  return {
    *entry(me) {
      yield* wants.at(me).write(true);
      while (yield* wants.at(1 - me).read(null)) {
        yield* wants.at(me).write(false);
        yield* wants.at(me).write(true);
      }
    },
    exit: (me) => wants.at(me).write(false),
  };
};

const dekker = (world: World): Protocol<void> => {
  const wants = new Cells(world, 'wants', 2, false);
  const turn = new Cell(world, 'turn', 0);
  return {
    *entry(me) {
      yield* wants.at(me).write(true);
      while (yield* wants.at(1 - me).read(null)) {
        if ((yield* turn.read()) === me) continue;
        yield* wants.at(me).write(false);
        yield* turn.until((whose) => whose === me);
        yield* wants.at(me).write(true);
      }
    },
    *exit(me) {
      yield* turn.write(1 - me);
      yield* wants.at(me).write(false);
    },
  };
};

export const dekkerAnswers = known('T. J. Dekker in E. W. Dijkstra, 1965', [
  { model: mutexModel('Dekker', dekker), expected: access(proved, proved, proved, proved) },
  { model: mutexModel('Dekker, strict alternation', alternation), expected: access(proved, proved, proved, proved) },
  {
    model: mutexModel('Dekker, strict alternation, one stops', alternation, { rounds: [Infinity, 1] }),
    expected: { ...access(proved, refuted(), refuted(), proved), [DEADLOCK]: refuted() },
  },
  { model: mutexModel('Dekker, look then announce', lookThenAnnounce), expected: access(refuted(6), proved, refuted(), refuted()) },
  {
    model: mutexModel('Dekker, announce then look', announceThenLook),
    expected: { ...access(proved, refuted(), refuted(), refuted()), [DEADLOCK]: refuted() },
  },
  { model: mutexModel('Dekker, after you', afterYou), expected: access(proved, refuted(), refuted(), refuted()) },
]);
