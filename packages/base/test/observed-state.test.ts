import { describe, expect, test } from 'vitest';
import { IdAllocator } from '../src/index.ts';
import { ObservedState } from '../src/testing.ts';

describe('ObservedState', () => {
  test('names what changed since a snapshot, and only that', () => {
    const state = new ObservedState();
    const record = state.record('record', { count: 0, list: [1, 2] as readonly number[] });
    const words = state.words('words', 4);
    const map = state.map<number, { at: number }>('map');
    map.set(1, { at: 1 });
    const before = state.snapshot();
    expect(state.changes(before)).toEqual([]);
    record.list = [1, 2];
    expect(state.changes(before)).toEqual([]);
    record.count = 1;
    expect(state.changes(before)).toEqual(['record']);
    record.count = 0;
    record.list = [2, 1];
    words[3] = 1;
    map.set(2, { at: 2 });
    expect(state.changes(before)).toEqual(['record', 'words', 'map']);
    map.delete(2);
    words[3] = 0;
    expect(state.changes(before)).toEqual(['record']);
  });

  test('state made after the snapshot is nobody’s loss, also under a name that was there', () => {
    const state = new ObservedState();
    state.record('a', { x: 0 });
    const before = state.snapshot();
    state.record('a', { x: 7 });
    state.map('b').set(1, 1);
    expect(state.changes(before)).toEqual([]);
  });

  test('refuses the n-th request and says what was asked for', () => {
    const state = new ObservedState();
    const ids = new IdAllocator(state, 'ids', { first: 0, end: 8 });
    state.refuse(2);
    expect([ids.alloc().ok, ids.reserve(5), ids.alloc().ok]).toMatchObject([true, { errno: 'ENOSPC' }, true]);
    expect([state.requests, ids.used]).toEqual([['ids', 'ids', 'ids'], 2]);
    state.refuse(0);
    expect([ids.alloc().ok, state.requests]).toEqual([true, ['ids']]);
  });

  test('refuses for good from the n-th request on, and knows what was ever asked for', () => {
    const state = new ObservedState();
    state.refuse(2, { forGood: true });
    expect(['a', 'b', 'c'].map((each) => state.grant(each))).toEqual([true, false, false]);
    state.refuse(1);
    expect(['d', 'a'].map((each) => state.grant(each))).toEqual([false, true]);
    expect([...state.asked]).toEqual(['a', 'b', 'c', 'd']);
  });

  test('tells what grew: new pieces, entries, ids taken, lists', () => {
    const state = new ObservedState();
    const record = state.record('record', { list: [1] as readonly number[], other: [1] as readonly number[], count: 0 });
    const map = state.map<number, number>('map');
    const ids = new IdAllocator(state, 'ids', { first: 0, end: 8 });
    map.set(1, 1);
    const before = state.snapshot();
    expect(state.growth(before)).toEqual([]);
    Object.assign(record, { list: [2, 3, 4], other: [], count: 9 });
    map.set(2, 1);
    ids.alloc();
    state.words('words', 1);
    expect(state.growth(before)).toEqual([
      { name: 'new words', by: 1 },
      { name: 'record.list', by: 2 },
      { name: 'map', by: 1 },
      { name: 'ids/ids/count', by: 1 },
    ]);
  });
});
