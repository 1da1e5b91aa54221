// Producers and consumers around a buffer in a monitor; a woken consumer that does not look again takes from an empty one.
// B. W. Lampson, D. D. Redell, "Experience with processes and monitors in Mesa", 1980.
import type { Steps } from '@siov/base';
import { DEADLOCK, NO_THROW } from '../../src/model.ts';
import type { Model } from '../../src/model.ts';
import { remembering } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';
import { Condition, Monitor } from './monitor.ts';

interface Buffer {
  readonly producers: number;
  readonly consumers: number;
  /** What each producer puts; together a multiple of the consumers, which share evenly. */
  readonly items: number;
  readonly look: 'if' | 'while';
  /** Whether those who wait for room and those who wait for items wait together, and how many of them are woken. */
  readonly wake: 'one of those it concerns' | 'one of all' | 'all';
}

const BOUNDS = 'the buffer holds no more than it can';
const ALL_TAKEN = 'everything is taken';

function buffer(name: string, { producers, consumers, items, look, wake }: Buffer): Model {
  return {
    name,
    make(world) {
      const monitor = new Monitor(world);
      const room = new Condition(world, monitor, 'room');
      const item = wake === 'one of those it concerns' ? new Condition(world, monitor, 'item') : room;
      const held = world.state.record('buffer', { count: 0 });
      const wakeUp = (condition: Condition): void => (wake === 'all' ? condition.broadcast() : condition.signal());
      const waitWhile = function* (condition: Condition, unable: () => boolean, me: string): Steps<void> {
        if (look === 'if') {
          if (unable()) yield* condition.wait(me);
        } else while (unable()) yield* condition.wait(me);
      };
      const put = function* (me: string): Steps<void> {
        yield* waitWhile(room, () => held.count === 1, me);
        held.count += 1;
        wakeUp(item);
      };
      const take = function* (me: string): Steps<void> {
        yield* waitWhile(item, () => held.count === 0, me);
        if (held.count === 0) throw new Error('took from an empty buffer');
        held.count -= 1;
        wakeUp(room);
      };
      const again = function* (me: string, times: number, act: (me: string) => Steps<void>): Steps<void> {
        for (let time = 0; time < times; time++) yield* remembering(time, monitor.within(act(me)));
      };
      const some = (count: number, kind: string, times: number, act: (me: string) => Steps<void>): { name: string; steps: Steps<void> }[] =>
        Array.from({ length: count }, (_, index) => ({ name: `${kind}${index}`, steps: again(`${kind}${index}`, times, act) }));
      return {
        agents: [...some(producers, 'producer', items, put), ...some(consumers, 'consumer', (items * producers) / consumers, take)],
        properties: [
          { kind: 'always', name: BOUNDS, holds: () => held.count <= 1 },
          { kind: 'rest', name: ALL_TAKEN, holds: () => held.count === 0 },
        ],
      };
    },
  };
}

const two = { producers: 1, consumers: 2, items: 2 } as const;
const four = { producers: 2, consumers: 2, items: 1 } as const;

export const boundedBufferAnswers = known('B. W. Lampson, D. D. Redell, 1980', [
  {
    model: buffer('bounded buffer', { ...two, look: 'while', wake: 'one of those it concerns' }),
    expected: { [BOUNDS]: proved, [ALL_TAKEN]: proved },
  },
  {
    model: buffer('bounded buffer, if instead of while', { ...two, look: 'if', wake: 'one of those it concerns' }),
    expected: { [BOUNDS]: proved, [ALL_TAKEN]: proved, [NO_THROW]: refuted(7) },
  },
  {
    model: buffer('bounded buffer, the wrong one is woken', { ...four, look: 'while', wake: 'one of all' }),
    expected: { [BOUNDS]: proved, [ALL_TAKEN]: proved, [DEADLOCK]: refuted(12) },
  },
  {
    model: buffer('bounded buffer, all are woken', { ...four, look: 'while', wake: 'all' }),
    expected: { [BOUNDS]: proved, [ALL_TAKEN]: proved },
  },
]);
