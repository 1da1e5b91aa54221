import { expect, test } from 'vitest';
import { Executor, ModelClock, plainState, sleep } from '../src/index.ts';

test('an agent that sleeps goes on when its time has come, not before', () => {
  const executor = new Executor();
  const clock = new ModelClock(plainState);
  const woken: number[] = [];
  executor.spawn({ name: 'sleeper', layer: 'test' }, (function* () {
    for (let each = 0; each < 2; each++) {
      yield* sleep(clock, 10);
      woken.push(clock.now());
    }
  })());
  for (let time = 0; time < 30; time++) {
    executor.settle();
    clock.advance(1);
  }
  expect(woken).toEqual([10, 20]);
});
