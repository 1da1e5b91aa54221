// The measuring itself: who loses an interrupt is found out, and who is measured has the same turns as the other.
import { expect, test } from 'vitest';
import { contestant, ENTRIES } from '../src/contestants.ts';
import { inTurns } from '../src/rounds.ts';

test('a path that loses, doubles or mixes up interrupts does not get away with it', () => {
  const path = (deliver: (each: number, handler: (which: number) => void) => void) =>
    contestant('path', (handler) => ({
      interrupts(count) {
        for (let each = 0; each < count; each++) deliver(each, handler);
      },
    }));
  const right = path((each, handler) => handler(each % ENTRIES));
  const loses = path((each, handler) => each !== 70 && handler(each % ENTRIES));
  const doubles = path((each, handler) => [each % ENTRIES, ...(each === 3 ? [3] : [])].forEach(handler));
  const mixesUp = path((each, handler) => handler((each + 1) % ENTRIES));
  expect(() => right.run(100)).not.toThrow();
  expect(() => right.run(100)).not.toThrow();
  expect(() => loses.run(100)).toThrow('entry 6 was raised 3 times and handled 2 times');
  expect(() => doubles.run(100)).toThrow('entry 3 was raised 4 times and handled 5 times');
  expect(() => mixesUp.run(100)).toThrow('handled');
});

test('rounds change the order, one goes before and does not count, and times are those of one piece of work', () => {
  const calls: string[] = [];
  const busy = (name: string, milliseconds: number) => ({
    name,
    run(count: number) {
      calls.push(`${name} ${count}`);
      const end = performance.now() + milliseconds;
      while (performance.now() < end);
    },
  });
  const times = inTurns([busy('a', 2), busy('b', 1)], { rounds: 2, batch: 10, samples: 1 });
  expect(calls).toEqual(['b 10', 'a 10', 'a 10', 'b 10', 'b 10', 'a 10']);
  expect([...times.values()].map((each) => each.length)).toEqual([2, 2]);
  // Ten pieces in 2 ms and in 1 ms at least.
  for (const time of times.get('a') ?? []) expect(time).toBeGreaterThanOrEqual(199_000);
  for (const time of times.get('b') ?? []) expect(time).toBeGreaterThanOrEqual(99_000);
});

test('work that throws ends the measurement', () => {
  const broken = { name: 'broken', run: () => { throw new Error('lost'); } };
  expect(() => inTurns([broken], { rounds: 1, batch: 1, samples: 1 })).toThrow('lost');
});
