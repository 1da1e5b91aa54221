import { expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError } from '@siov/base';
import { fromJson, toJson } from '../../src/format/plain-json.ts';
import type { Json } from '../../src/format/plain-json.ts';
import type { CellValue } from '../../src/report.ts';
import { anyValue } from './arbitraries.ts';

test('what JSON has no word for', () => {
  expect(toJson({ a: 5n, b: Number.NaN, c: -0, d: [1] })).toEqual({
    a: { '#bigint': '5' },
    b: { '#number': 'NaN' },
    c: { '#number': '-0' },
    d: [1],
  });
  expect(toJson({ '#bigint': '5' })).toEqual({ '#record': [['#bigint', '5']] });
  expect(toJson({ a: undefined } as unknown as CellValue)).toEqual({});
});

test('any value comes back from its text', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      expect(fromJson(JSON.parse(JSON.stringify(toJson(value))) as Json, 'it')).toEqual({ ok: true, value });
    }),
  );
});

test.each([
  [{ '#bigint': '5', more: 1 }, 'it: #bigint stands beside other fields, and has to stand alone'],
  [{ '#bigint': '0x5' }, 'it: "0x5" is not the decimal digits of a #bigint'],
  [{ '#bigint': 5 }, 'it: 5 is not the decimal digits of a #bigint'],
  [{ '#number': 'nan' }, 'it: "nan" is none of the #number NaN, Infinity, -Infinity, -0'],
  [{ '#record': [['a']] }, 'it: a list of 1 is not the [field, value] pairs of a #record'],
  [{ '#record': {} }, 'it: a record is not the [field, value] pairs of a #record'],
  [{ a: [{ '#set': [] }] }, 'it.a[0]: the field #set is none of #bigint, #number, #record; others do not begin with #'],
])('%j is not plain data', (json, message) => {
  expect(fromJson(json, 'it')).toEqual({ ok: false, errno: 'EINVAL', message });
});

test('what nests too deep is refused in both directions, before the stack ends', () => {
  let deep: Json = 1;
  for (let level = 0; level < 100_000; level++) deep = [deep];
  const read = fromJson(deep, 'it');
  expect(read.ok ? '' : read.message).toMatch(/: nests deeper than 200 levels$/u);
  expect(() => toJson(deep)).toThrow(ModelError);
});
