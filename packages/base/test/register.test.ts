import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bit, bits, register, wideBits } from '../src/index.ts';

const Control = register('Control', { offset: 0xc, reset: 1, source: 'test' }, {
  mask: bit(0), pending: bit(1, 'ro'), cause: bits(7, 4, 'rw1c'), key: bit(2, 'wo'), pasid: bits(31, 12, 'rw:disabled'),
});
const Base = register('Base', { offset: 0, width: 64, source: 'test' }, {
  enable: bit(0), address: wideBits(63, 12), count: bits(11, 4),
});

describe('register', () => {
  test('fields of any value come back, and the others stay', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 0xfffff }), fc.nat(0xffffffff), (pasid, raw) => {
      const before = Control.image(raw);
      const after = Control.pasid.set(before, pasid);
      expect(Control.pasid.get(after)).toBe(pasid);
      expect(Control.cause.get(after)).toBe(Control.cause.get(before));
      expect(Control.mask.get(after)).toBe(Control.mask.get(before));
      expect(after).toBeGreaterThanOrEqual(0);
    }));
  });

  test('64-bit fields of any value come back', () => {
    fc.assert(fc.property(fc.bigInt(0n, (1n << 52n) - 1n), fc.nat(255), (address, count) => {
      const image = Base.of({ address, count });
      expect(Base.address.get(image)).toBe(address);
      expect(Base.count.get(image)).toBe(count);
      expect(Base.enable.get(image)).toBe(0);
    }));
  });

  test('a bus write changes what its access allows and nothing else', () => {
    const held = Control.image(0x000010f3);
    expect(Control.afterWrite(held, 0xfffff055, () => false)).toBe(0x000010a7);
    expect(Control.afterWrite(held, 0xabcde000, () => true)).toBe(0xabcde0f2);
  });

  test('a bus write of 64 bits reaches a narrower register with its low bits', () => {
    const raw = 0xffff_ffff_0000_1001n;
    expect(Control.afterWrite(Control.image(0), raw, () => true)).toBe(0x1001);
    expect(Control.image(raw)).toBe(0x1001);
  });

  test('write-only fields read 0', () => {
    expect(Control.readValue(Control.of({ key: 1, mask: 1 }))).toBe(1);
  });

  test('a value that does not fit is refused, not cut', () => {
    expect(() => Control.pasid.set(Control.reset, 0x100000)).toThrow(/field pasid: 1048576 is not in 0\.\.1048575/);
    expect(() => Control.mask.set(Control.reset, -1)).toThrow(/not in 0\.\.1/);
  });

  test('overlapping fields and fields outside the width are refused at declaration', () => {
    expect(() => register('Bad', { offset: 0, source: 'test' }, { a: bits(3, 0), b: bit(3) })).toThrow(/overlap/);
    expect(() => register('Bad', { offset: 0, width: 8, source: 'test' }, { a: bit(8) })).toThrow(/do not fit 8 bits/);
    expect(() => register('Bad', { offset: 0, source: 'test' }, { offset: bit(8) })).toThrow(/taken/);
  });

  test('the image of one register is not an image of another', () => {
    // @ts-expect-error a Base image is no Control image
    expect(() => Control.mask.get(Base.reset)).toThrow();
    // @ts-expect-error a raw number is no image
    Control.mask.get(5);
  });
});
