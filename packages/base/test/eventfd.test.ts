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

test('duplicates share the counter, and each is closed for itself', () => {
  const fd = new ModelEventFd(plainState, 'fd');
  const copy = fd.dup();
  const other = new ModelEventFd(plainState, 'fd');
  expect([copy.context === fd.context, other.context === fd.context, fd.references]).toEqual([true, false, 2]);
  fd.signal();
  copy.signal();
  fd.close();
  fd.close();
  fd.signal();
  copy.signal();
  expect([copy.take(), copy.references, fd.closed, copy.closed]).toEqual([3, 1, true, false]);
});

test('who waits is told of each signal at once, through whichever descriptor', () => {
  const fd = new ModelEventFd(plainState, 'fd');
  const copy = fd.dup();
  const seen: number[] = [];
  fd.onSignal(() => seen.push(fd.take()));
  copy.signal();
  fd.signal();
  copy.close();
  copy.signal();
  fd.onSignal(null);
  fd.signal();
  expect([seen, fd.take()]).toEqual([[1, 1], 1]);
});
