import { expect, test } from 'vitest';
import { ModelEventFd, plainState } from '../src/index.ts';

test('signals add up until somebody takes them', () => {
  const fd = new ModelEventFd(plainState, 'fd');
  fd.signal();
  fd.signal();
  expect([fd.count, fd.take(), fd.take()]).toEqual([2, 2, 0]);
});

test('what is closed counts no more, but what it counted can still be taken', () => {
  const fd = new ModelEventFd(plainState, 'fd');
  fd.signal();
  fd.close();
  fd.close();
  fd.signal();
  expect([fd.closed, fd.take()]).toEqual([true, 1]);
});
