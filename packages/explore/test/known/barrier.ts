// A counting barrier that is used again: one process leaves, comes back and closes it before the other has left. With a
// sense that turns each time it can be used again. D. Hensgen, R. Finkel, U. Manber, "Two algorithms for barrier
// synchronization", 1988.
import type { Steps } from '@siov/base';
import { DEADLOCK } from '../../src/model.ts';
import type { Model, World } from '../../src/model.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';

const TOGETHER = 'nobody is a round ahead';
const FINISH = 'all get through';

type Arrive = (round: number) => Steps<void>;

/** Each process spins, or waits to be woken: the first is stuck in a loop where the second deadlocks. */
function barrier(name: string, processes: number, rounds: number, made: (world: World, processes: number) => Arrive): Model {
  return {
    name,
    make(world) {
      const passed = world.state.words('passed', processes);
      const arrive = made(world, processes);
      const process = function* (me: number): Steps<void> {
        for (let round = 0; round < rounds; round++) {
          yield* arrive(round);
          passed[me] = round + 1;
        }
      };
      const rounded = (me: number): number => passed[me] ?? 0;
      const all = Array.from({ length: processes }, (_, index) => index);
      return {
        agents: all.map((me) => ({ name: `p${me}`, steps: process(me) })),
        properties: [
          { kind: 'always', name: TOGETHER, holds: () => Math.max(...all.map(rounded)) - Math.min(...all.map(rounded)) < 2 },
          { kind: 'eventually', name: FINISH, holds: () => all.every((me) => passed[me] === rounds) },
        ],
      };
    },
  };
}

const sense = (world: World, processes: number): Arrive => {
  const count = new Cell(world, 'count', 0);
  const sense = new Cell(world, 'sense', false);
  return function* (round) {
    const mine = round % 2 === 0;
    if ((yield* count.modify('add 1 to', (old) => old + 1)) === processes - 1) {
      yield* count.write(0);
      yield* sense.write(mine);
    } else yield* sense.until((now) => now === mine, round);
  };
};

/** The last resets the count; the others look for the full count, and may look too late. */
const reset = (wait: 'spin' | 'sleep') => (world: World, processes: number): Arrive => {
  const count = new Cell(world, 'count', 0);
  return function* (round) {
    if ((yield* count.modify('add 1 to', (old) => old + 1)) === processes - 1) yield* count.write(0);
    else if (wait === 'spin') yield* count.until((now) => now === 0, round);
    else yield { kind: 'wait', what: 'count is 0', ready: () => count.now === 0 };
  };
};

/** Opened once and never closed again. */
const neverClosed = (world: World, processes: number): Arrive => {
  const count = new Cell(world, 'count', 0);
  return function* (round) {
    yield* count.modify('add 1 to', (old) => old + 1);
    yield* count.until((now) => now >= processes, round);
  };
};

export const barrierAnswers = known('D. Hensgen, R. Finkel, U. Manber, 1988', [
  { model: barrier('barrier with a sense', 3, 2, sense), expected: { [TOGETHER]: proved, [FINISH]: proved } },
  {
    model: barrier('barrier used again', 2, 2, reset('spin')),
    expected: { [TOGETHER]: proved, [FINISH]: refuted(), [DEADLOCK]: refuted() },
  },
  {
    model: barrier('barrier used again, sleeping', 2, 2, reset('sleep')),
    expected: { [TOGETHER]: proved, [FINISH]: refuted(), [DEADLOCK]: refuted(4) },
  },
  { model: barrier('barrier that is never closed', 2, 2, neverClosed), expected: { [TOGETHER]: refuted(5), [FINISH]: proved } },
]);
