// A bounded buffer with three semaphores; with two P operations in the wrong order both sides wait for each other.
// E. W. Dijkstra, "Cooperating sequential processes", EWD 123, 1965, section 4.
import type { Steps } from '@siov/base';
import { DEADLOCK } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import { remembering } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';
import { responds } from './responds.ts';
import { Semaphore } from './semaphore.ts';

const BOUNDS = 'the buffer holds 0 to 2';
const NEXT = 'what is put is taken';

function semaphores(name: string, order: 'count first' | 'mutex first' | 'no mutex', times = Infinity): Model {
  return {
    name,
    make(world) {
      const mutex = new Semaphore(world, 'mutex', 1);
      const room = new Semaphore(world, 'room', 2);
      const items = new Semaphore(world, 'items', 0);
      const buffer = world.state.record('buffer', { count: 0 });
      const change = function* (by: number): Steps<void> {
        yield { kind: 'memory', what: 'read count' };
        const { count } = buffer;
        yield { kind: 'memory', what: 'write count' };
        buffer.count = count + by;
      };
      const once = function* (from: Semaphore, to: Semaphore, by: number): Steps<void> {
        if (order === 'mutex first') yield* mutex.p();
        yield* from.p();
        if (order === 'count first') yield* mutex.p();
        yield* change(by);
        if (order !== 'no mutex') yield* mutex.v();
        yield* to.v();
      };
      const side = function* (from: Semaphore, to: Semaphore, by: number): Steps<void> {
        for (let time = 0; time < times; time++) yield* times === Infinity ? once(from, to, by) : remembering(time, once(from, to, by));
      };
      return {
        agents: [{ name: 'producer', steps: side(room, items, 1) }, { name: 'consumer', steps: side(items, room, -1) }],
        properties: [
          { kind: 'always', name: BOUNDS, holds: () => buffer.count >= 0 && buffer.count <= 2 },
          responds(NEXT, () => buffer.count > 0, () => buffer.count === 0),
        ],
      };
    },
  };
}

export const producerConsumerAnswers = known('E. W. Dijkstra, 1965', [
  { model: semaphores('producer and consumer', 'count first'), expected: { [BOUNDS]: proved, [NEXT]: refuted() } },
  {
    model: semaphores('producer and consumer, mutex first', 'mutex first'),
    expected: { [BOUNDS]: proved, [NEXT]: refuted(), [DEADLOCK]: refuted(1) },
  },
  { model: semaphores('producer and consumer, no mutex', 'no mutex', 2), expected: { [BOUNDS]: refuted(15), [NEXT]: refuted() } },
]);
