// Tracked records, words and maps behave as plain ones do, and every access of theirs is seen.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { plainState, stateOf } from '@siov/base';
import type { StatePort } from '@siov/base';
import { Cells } from '../../src/track/cells.ts';
import { TrackedState } from '../../src/track/tracked-state.ts';
import { NotPlain, Values } from '../../src/track/values.ts';
import { LiveStore } from '../../src/run/live-store.ts';

function tracked(): { state: StatePort; store: LiveStore; cells: Cells } {
  const cells = new Cells();
  const store = new LiveStore(cells, new Values());
  let named = 0;
  store.nameBy(() => `object ${named++}`);
  const state = new TrackedState(cells, store, { made: (piece, name) => store.named(piece, name), nameOf: (object) => store.nameOf(object) });
  return { state, store, cells };
}

const key = fc.integer({ min: 0, max: 4 });
const mapCommand = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key, value: fc.integer() }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('clear' as const) }),
  fc.record({ do: fc.constant('get' as const), key }),
);

describe('a tracked map', () => {
  test('is a map: the same answers, the same order, whatever is done to it', () => {
    fc.assert(fc.property(fc.array(mapCommand), (commands) => {
      const [plain, seen] = [new Map<number, number>(), tracked().state.map<number, number>('map')];
      for (const command of commands) {
        const answers = [plain, seen].map((map) => {
          switch (command.do) {
            case 'set':
              return map.set(command.key, command.value) === map;
            case 'delete':
              return map.delete(command.key);
            case 'clear':
              return map.clear();
            default:
              return [map.get(command.key), map.has(command.key)];
          }
        });
        expect(answers[1]).toEqual(answers[0]);
        expect([seen.size, [...seen], [...seen.keys()], [...seen.values()]]).toEqual([plain.size, [...plain], [...plain.keys()], [...plain.values()]]);
      }
    }));
  });

  test('an entry that goes or comes while somebody iterates', () => {
    const visited = (map: Map<string, number>) => {
      map.set('a', 1).set('b', 2).set('c', 3);
      const keys: string[] = [];
      for (const [each] of map) {
        keys.push(each);
        if (each === 'a') map.delete('b');
        if (each === 'c') map.set('d', 4);
      }
      return keys;
    };
    expect(visited(tracked().state.map('map'))).toEqual(visited(new Map()));
  });

  test('objects as keys are told apart, also when they are called alike', () => {
    const map = tracked().state.map<object, number>('map');
    const [one, other] = [{ name: 'twin', is: () => 1 }, { name: 'twin', is: () => 2 }];
    map.set(one, 1).set(other, 2);
    expect([map.get(one), map.get(other), map.size]).toEqual([1, 2, 2]);
  });
});

const index = fc.integer({ min: 0, max: 7 });
const wordsCommand = fc.oneof(
  fc.record({ do: fc.constant('put' as const), index, value: fc.integer() }),
  fc.record({ do: fc.constant('fill' as const), value: fc.nat() }),
  fc.record({ do: fc.constant('set' as const), values: fc.array(fc.nat(), { maxLength: 3 }), index: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ do: fc.constant('part' as const), from: fc.integer({ min: -9, max: 9 }), to: fc.integer({ min: -9, max: 9 }), value: fc.nat() }),
);

describe('tracked words', () => {
  test('are a Uint32Array: the same elements, whatever is done to them', () => {
    fc.assert(fc.property(fc.array(wordsCommand), (commands) => {
      const [plain, seen] = [new Uint32Array(8).fill(3), tracked().state.words('words', 8, 3)];
      for (const command of commands) {
        for (const words of [plain, seen]) {
          if (command.do === 'put') words[command.index] = command.value;
          else if (command.do === 'fill') words.fill(command.value >>> 0);
          else if (command.do === 'set') words.set(command.values, command.index);
          else words.subarray(command.from, command.to).fill(command.value >>> 0);
        }
        expect([[...seen], seen.slice(2, 5), seen.findIndex((word) => word === 3), seen.length, seen[8]]).toEqual([[...plain], plain.slice(2, 5), plain.findIndex((word) => word === 3), 8, undefined]);
      }
    }));
  });

  test('what they can’t do is said', () => {
    expect(() => tracked().state.words('words', 2).buffer).toThrow('words under the explorer have no buffer');
  });
});

describe('a tracked record', () => {
  test('every first read and every write of a stretch is told, in order', () => {
    const { state, store, cells } = tracked();
    const record = state.record('box', { a: 1, b: 2, c: 3 });
    const { accesses } = store.record(() => {
      record.a += record.b;
      record.c = 9;
      return record.a + record.c;
    });
    expect([accesses.reads.map((cell) => cells.name(cell)), accesses.writes.map((cell) => cells.name(cell))]).toEqual([['box.a', 'box.b'], ['box.a', 'box.c']]);
  });

  test('a field that was not declared is refused', () => {
    const record = tracked().state.record<Record<string, number>>('box', { a: 1 });
    expect(() => (record['b'] = 1)).toThrow(TypeError);
  });

  test('a list in it is replaced, never changed in place', () => {
    const record = tracked().state.record('box', { list: [1] });
    expect(() => record.list.push(2)).toThrow(TypeError);
  });

  test('one that is made under a name that was there is another one', () => {
    const { state } = tracked();
    const [former, latter] = [state.record('box', { a: 1 }), state.record('box', { a: 2 })];
    former.a = 7;
    expect([former.a, latter.a]).toEqual([7, 2]);
  });

  test('machines beside each other have names of their own', () => {
    const { state, cells } = tracked();
    stateOf('left', state).record('box', { a: 1 });
    stateOf('right', state).words('table', 1)[0] = 5;
    stateOf('right', state).map('map').set('k', 1);
    expect(['left/box.a', 'right/table[0]', 'right/map{"k"}'].map((name) => cells.of(name) < cells.count - 1 || cells.name(cells.of(name)) === name)).toEqual([true, true, true]);
    expect(stateOf('plain', plainState).grant('anything')).toBe(true);
  });
});

describe('values', () => {
  test('plain data has one number by what it is, and is frozen', () => {
    const values = new Values();
    const list = [1, { a: 'x' }];
    expect([values.of(list), values.of([1, { a: 'x' }]) === values.of(list), values.of([1, { a: 'y' }]) === values.of(list), Object.isFrozen(list)]).toEqual([expect.any(Number), true, false, true]);
    expect(new Set([0, -0, NaN, '0', 0n, null, undefined, false].map((value) => values.of(value))).size).toBe(8);
  });

  test('what is no plain data has none, unless somebody names it', () => {
    expect(() => new Values().of(() => 1)).toThrow(NotPlain);
    const { state, store } = tracked();
    const call = () => 1;
    const box = state.record('box', { call, list: [call] as readonly unknown[] });
    expect([box.call, box.list[0]]).toEqual([call, call]);
    expect(store.nameOf(call)).toBe(store.nameOf(call));
  });
});
