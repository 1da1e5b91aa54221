import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bit, bits, ModelError, plainState, register, RegisterFile, wideBits } from '../src/index.ts';

const A = register('A', { offset: 0, width: 16, reset: 0x1234, source: 'test' }, { rw: bits(11, 0), ro: bits(15, 12, 'ro') });
const B = register('B', { offset: 2, width: 8, source: 'test' }, { clear: bits(7, 0, 'rw1c') });
const C = register('C', { offset: 4, source: 'test' }, { wo: bits(15, 0, 'wo'), gated: bits(31, 16, 'rw:gate') });
const D = register('D', { offset: 8, width: 64, reset: 0xff_00000001n, source: 'test' }, { low: bit(0, 'rw1c'), high: wideBits(63, 8) });
const make = () => new RegisterFile(plainState, 'test', 20, [A, B, C, D].map((each) => ({ at: each.offset, register: each })));

describe('RegisterFile', () => {
  test('resets, and covers nothing between registers', () => {
    const file = make();
    expect([file.read(0, 2), file.read(0, 4), file.read(8, 4), file.read(12, 4), file.read(16, 4), file.read(3, 1)]).toEqual([0x1234, 0x1234, 1, 0xff, 0, 0]);
    file.write(16, 4, 5);
    expect(file.read(16, 4)).toBe(0);
  });

  test('a narrow write changes only its bytes, and clears only what it wrote', () => {
    const file = make();
    file.set(B, B.image(0xff));
    expect(file.write(0, 2, 0xffff).map((each) => each.register.name)).toEqual(['A']);
    expect(file.read(0, 4)).toBe(0x00ff1fff);
    file.write(2, 1, 0x0f);
    expect(file.get(B)).toBe(0xf0);
  });

  test('write-only fields are held and read 0; a closed gate keeps the value', () => {
    const file = make();
    file.write(4, 4, 0xabcd1111, () => false);
    expect([file.get(C), file.read(4, 4)]).toEqual([0x1111, 0]);
    file.write(4, 4, 0xabcd1111);
    expect(file.read(4, 4)).toBe(0xabcd0000);
  });

  test('halves of a 64-bit register are written one by one', () => {
    const file = make();
    file.write(12, 4, 0x99);
    expect(file.get(D)).toBe(0x99_00000001n);
    file.write(8, 4, 0x00000101);
    expect(file.get(D)).toBe(0x99_00000100n);
  });

  test('overlapping placements and placements outside are refused', () => {
    expect(() => new RegisterFile(plainState, 'x', 8, [{ at: 0, register: A }, { at: 1, register: B }])).toThrow(ModelError);
    expect(() => new RegisterFile(plainState, 'x', 8, [{ at: 4, register: D }])).toThrow(/ends at 12/);
  });

  test('any sequence of aligned accesses agrees with a byte-wise reference', () => {
    // Reference: every bit on its own, from the declarations.
    type Access = 'rw' | 'ro' | 'rw1c' | 'wo' | 'rw:gate' | 'none';
    const access: Access[] = Array.from({ length: 160 }, () => 'none');
    const held: number[] = Array.from({ length: 160 }, () => 0);
    for (const each of [A, B, C, D]) {
      for (const field of each.fields) for (let at = field.lo; at <= field.hi; at++) access[each.offset * 8 + at] = field.access as Access;
    }
    const step = fc.record({ write: fc.boolean(), size: fc.constantFrom(1, 2, 4), slot: fc.nat(4), value: fc.nat(0xffffffff), part: fc.nat(3), open: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const file = make();
      held.fill(0);
      for (const each of [A, B, C, D]) for (let at = 0; at < each.width; at++) held[each.offset * 8 + at] = Number((BigInt(each.reset) >> BigInt(at)) & 1n);
      for (const { write, size, slot, value, part, open } of steps) {
        const offset = slot * 4 + (size === 4 ? 0 : size === 2 ? (part & 1) * 2 : part);
        if (write) file.write(offset, size, value % 2 ** (size * 8), () => open);
        let expected = 0n;
        for (let at = 0; at < size * 8; at++) {
          const index = offset * 8 + at;
          const written = Math.floor(value / 2 ** at) & 1;
          const kind = access[index];
          if (write && (kind === 'rw' || kind === 'wo' || (kind === 'rw:gate' && open))) held[index] = written;
          if (write && kind === 'rw1c' && written === 1) held[index] = 0;
          if (kind !== 'wo' && held[index] === 1) expected |= 1n << BigInt(at);
        }
        expect(BigInt(file.read(offset, size))).toBe(expected);
      }
    }));
  });
});
