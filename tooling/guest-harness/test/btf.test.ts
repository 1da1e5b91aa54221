import { describe, expect, test } from 'vitest';
import { Btf } from '../src/kernel/btf.ts';
import { type BtfType, writeBtf } from './support/btf-writer.ts';

const [INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, CONST, FUNC, FUNC_PROTO, VAR, DATASEC, FLOAT, DECL_TAG, ENUM64] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 19];

// One of every kind that has data of its own, so that a wrong length of any of them breaks what follows.
const TYPES: readonly BtfType[] = [
  /* 1 */ { name: 'u32', kind: INT, sizeOrType: 4, rows: [[0x20]], count: 0 },
  /* 2 */ { kind: PTR, sizeOrType: 1 },
  /* 3 */ { kind: ARRAY, rows: [[1, 1, 56]], count: 0 },
  /* 4 */ { name: 'choice', kind: ENUM, sizeOrType: 4, rows: [['FIRST', 0], ['NEGATIVE', 0xffffffff]] },
  /* 5 */ { name: 'wide', kind: ENUM64, sizeOrType: 8, rows: [['WIDE', 7, 0]] },
  /* 6 */ { kind: FUNC_PROTO, sizeOrType: 1, rows: [['a', 1], ['b', 2]] },
  /* 7 */ { name: 'f', kind: FUNC, sizeOrType: 6 },
  /* 8 */ { name: 'v', kind: VAR, sizeOrType: 1, rows: [[1]], count: 0 },
  /* 9 */ { name: '.data', kind: DATASEC, sizeOrType: 4, rows: [[8, 0, 4]] },
  /* 10 */ { name: 'tag', kind: DECL_TAG, sizeOrType: 8, rows: [[0xffffffff]], count: 0 },
  /* 11 */ { name: 'f64', kind: FLOAT, sizeOrType: 8 },
  /* 12 */ { name: 'later', kind: FWD },
  /* 13 */ { kind: UNION, sizeOrType: 8, rows: [['as_word', 1, 0], ['as_pointer', 2, 0]] },
  /* 14 */ { name: 'inner', kind: STRUCT, sizeOrType: 12, rows: [['x', 1, 0], ['y', 2, 32]] },
  /* 15 */ { name: 'inner_t', kind: TYPEDEF, sizeOrType: 16 },
  /* 16 */ { kind: CONST, sizeOrType: 14 },
  /* 17 */ { name: 'chan', kind: STRUCT, sizeOrType: 4, rows: [['lock', 1, 0]] },
  /* 18 */ { name: 'chan', kind: STRUCT, sizeOrType: 300, rows: [['name', 3, 64], ['', 13, 512], ['in', 15, 576]] },
  /* 19 */ { name: 'bits', kind: STRUCT, kindFlag: true, sizeOrType: 4, rows: [['low', 1, (3 << 24) | 0], ['mid', 1, (5 << 24) | 3], ['byte', 1, 8]] },
];

const btf = new Btf(writeBtf(TYPES));

describe('Btf', () => {
  test('sizes and offsets are in bytes', () => {
    expect(btf.sizeOf('inner')).toBe(12);
    expect(btf.offsetOf('inner', 'y')).toBe(4);
  });

  test('members of anonymous unions are members of the outer struct', () => {
    expect(btf.offsetOf('chan', 'as_pointer')).toBe(64);
  });

  test('a path goes through typedefs and qualifiers', () => {
    expect(btf.offsetOf('chan', 'in.y')).toBe(72 + 4);
  });

  test('of two structs of one name, the one with the member is meant', () => {
    expect(btf.offsetOf('chan', 'lock')).toBe(0);
    expect(btf.offsetOf('chan', 'name')).toBe(8);
    expect([btf.sizeOf('chan', ['lock']), btf.sizeOf('chan', ['name', 'as_word'])]).toEqual([4, 300]);
    expect(() => btf.sizeOf('chan', ['lock', 'name'])).toThrow("the kernel's chan has no members lock, name");
  });

  test('an array has a length', () => {
    expect(btf.arrayLength('chan', 'name')).toBe(56);
    expect(() => btf.arrayLength('inner', 'x')).toThrow("the kernel's inner.x is no array");
  });

  test('bit fields have no byte offset', () => {
    expect(btf.offsetOf('bits', 'byte')).toBe(1);
    expect(() => btf.offsetOf('bits', 'mid')).toThrow('bits.mid is a bit field');
  });

  test('enumerators of both widths', () => {
    expect([btf.enumerator('FIRST'), btf.enumerator('NEGATIVE'), btf.enumerator('WIDE')]).toEqual([0, -1, 7]);
  });

  test('what is not there is named', () => {
    expect(() => btf.sizeOf('nothing')).toThrow('the kernel has no struct nothing');
    expect(() => btf.offsetOf('inner', 'z')).toThrow("the kernel's inner has no member z");
    expect(() => btf.enumerator('NONE')).toThrow('the kernel has no enumerator NONE');
  });

  test('an unknown kind is refused instead of misread', () => {
    expect(() => new Btf(writeBtf([{ name: 'new', kind: 25 }]))).toThrow('BTF kind 25 (new) is newer than this reader');
    expect(() => new Btf(Buffer.alloc(64))).toThrow('no BTF data');
  });
});
