import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { IdAllocator, ModelError, plainState } from '../src/index.ts';

const make = (first: number, end: number) => new IdAllocator(plainState, 'ids', { first, end });

describe('IdAllocator', () => {
  test('any sequence of calls agrees with a set: lowest free first, taken and foreign ids refused', () => {
    const range = fc.tuple(fc.nat(70), fc.integer({ min: 1, max: 70 })).map(([first, size]) => ({ first, end: first + size }));
    const step = fc.record({ call: fc.constantFrom('alloc', 'alloc', 'reserve', 'free'), id: fc.nat(145) });
    fc.assert(fc.property(range, fc.array(step, { maxLength: 120 }), ({ first, end }, steps) => {
      const ids = make(first, end);
      const model = new Set<number>();
      for (const { call, id } of steps) {
        if (call === 'alloc') {
          let lowest = first;
          while (model.has(lowest)) lowest++;
          expect(ids.alloc()).toMatchObject(lowest < end ? { ok: true, value: lowest } : { errno: 'ENOSPC' });
          if (lowest < end) model.add(lowest);
        } else if (call === 'reserve') {
          const expected = id < first || id >= end ? { errno: 'ERANGE' } : model.has(id) ? { errno: 'EBUSY' } : { ok: true, value: id };
          expect(ids.reserve(id)).toMatchObject(expected);
          if (id >= first && id < end) model.add(id);
        } else if (model.delete(id)) ids.free(id);
        else expect(() => ids.free(id)).toThrow(ModelError);
        expect([ids.used, ids.has(id)]).toEqual([model.size, model.has(id)]);
      }
    }));
  });

  test('a full range of any size is filled in order, the 32-bit words of its bitmap included', () => {
    for (const size of [1, 31, 32, 33, 64, 65, 1023, 1024, 1025, 32768, 32769]) {
      const ids = make(5, 5 + size);
      for (let id = 5; id < 5 + size; id++) expect(ids.alloc()).toMatchObject({ value: id });
      expect(ids.alloc()).toMatchObject({ errno: 'ENOSPC', message: `ids: all ${size} ids are in use` });
    }
  });

  test('one id given back in a full range of any depth is the next one given out', () => {
    for (const size of [40, 2000, 70_000]) {
      const ids = make(0, size);
      while (ids.alloc().ok);
      fc.assert(fc.property(fc.nat(size - 1), (id) => {
        ids.free(id);
        expect(ids.alloc()).toMatchObject({ ok: true, value: id });
        expect(ids.alloc()).toMatchObject({ errno: 'ENOSPC' });
      }));
      ids.clear();
      expect([ids.used, ids.alloc()]).toMatchObject([0, { value: 0 }]);
    }
  });

  test('what is no whole number is no id', () => {
    const ids = make(0, 8);
    for (const id of [0.5, Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      expect(ids.reserve(id)).toMatchObject({ errno: 'ERANGE' });
      expect(ids.has(id)).toBe(false);
    }
    expect(ids.used).toBe(0);
  });

  test('an empty or negative range is a programmer’s mistake', () => {
    for (const [first, end] of [[3, 3], [4, 3], [-1, 3]] as const) expect(() => make(first, end)).toThrow(ModelError);
  });
});
