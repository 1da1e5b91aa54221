// Increments that are a read and a write: some are lost, and n processes that count to k can end at 2.
// M. Ben-Ari, "Principles of concurrent and distributed programming", 2nd edition, 2006, section 2.
import { Lock } from '@siov/base';
import type { Steps } from '@siov/base';
import type { Model } from '../../src/model.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';

const COMPLETE = 'every increment counts';
const AT_LEAST_2 = 'at least 2';
const AT_LEAST_3 = 'at least 3';

function counter(name: string, times: number, increment: (count: Cell<number>, lock: Lock) => Steps<unknown>): Model {
  return {
    name,
    make(world) {
      const count = new Cell(world, 'count', 0);
      const lock = new Lock(world.state, 'count');
      const process = function* (): Steps<void> {
        for (let time = 0; time < times; time++) yield* increment(count, lock);
      };
      return {
        agents: [{ name: 'p0', steps: process() }, { name: 'p1', steps: process() }],
        properties: [
          { kind: 'rest', name: COMPLETE, holds: () => count.now === 2 * times || `the count is ${count.now}` },
          { kind: 'rest', name: AT_LEAST_2, holds: () => count.now >= 2 },
          { kind: 'rest', name: AT_LEAST_3, holds: () => count.now >= 3 },
        ],
      };
    },
  };
}

const readAndWrite = function* (count: Cell<number>): Steps<void> {
  yield* count.write((yield* count.read()) + 1);
};

const locked = (count: Cell<number>, lock: Lock): Steps<void> => lock.with(readAndWrite(count));
const atomic = (count: Cell<number>): Steps<number> => count.modify('add 1 to', (old) => old + 1);

export const counterAnswers = known('M. Ben-Ari, 2006', [
  { model: counter('counter', 3, readAndWrite), expected: { [COMPLETE]: refuted(12), [AT_LEAST_2]: proved, [AT_LEAST_3]: refuted(12) } },
  { model: counter('counter, locked', 2, locked), expected: { [COMPLETE]: proved, [AT_LEAST_2]: proved, [AT_LEAST_3]: proved } },
  { model: counter('counter, atomic', 3, atomic), expected: { [COMPLETE]: proved, [AT_LEAST_2]: proved, [AT_LEAST_3]: proved } },
]);
