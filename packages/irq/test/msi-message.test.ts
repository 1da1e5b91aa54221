import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError } from '@siov/base';
import { composeVectorMsg, MSI_ADDRESS_BASE, parseDmarMsg, parseVectorMsg } from '../src/index.ts';

describe('MSI messages', () => {
  test('every CPU and vector comes back from its message, also with extended destination ids', () => {
    fc.assert(fc.property(fc.nat(0x7fff), fc.nat(255), (cpu, vector) => {
      const { addressLo, addressHi, data } = composeVectorMsg({ cpu, vector });
      expect([addressLo >>> 20, addressHi]).toEqual([MSI_ADDRESS_BASE, 0]);
      expect(parseVectorMsg(addressHi, addressLo, data)).toBe(cpu * 256 + vector);
    }));
  });

  test('the remapping hardware’s own messages name any 32-bit APIC id', () => {
    fc.assert(fc.property(fc.nat(0xffffffff), fc.nat(255), (cpu, vector) => {
      const message = composeVectorMsg({ cpu, vector }, true);
      expect(parseDmarMsg(message)).toEqual({ cpu, vector });
      if (cpu > 255) expect(parseVectorMsg(message.addressHi, message.addressLo, message.data)).toBe(-1);
    }));
  });

  test('the words are those of the SDM', () => {
    expect(composeVectorMsg({ cpu: 3, vector: 0x41 })).toEqual({ addressLo: 0xfee03000, addressHi: 0, data: 0x41 });
    expect(composeVectorMsg({ cpu: 0x1203, vector: 0x41 })).toEqual({ addressLo: 0xfee03240, addressHi: 0, data: 0x41 });
    expect(composeVectorMsg({ cpu: 0x1203, vector: 0x41 }, true)).toEqual({ addressLo: 0xfee03000, addressHi: 0x1200, data: 0x41 });
  });

  test('an APIC id that no message of a device can name is a programmer’s mistake', () => {
    expect(() => composeVectorMsg({ cpu: 0x8000, vector: 0x41 })).toThrow(ModelError);
  });

  test.each<[string, number, number, number]>([
    ['an address above 4 GiB', 1, 0xfee00000, 0x41],
    ['the high word of the remapping hardware’s own', 0x100, 0xfee00000, 0x41],
    ['an address outside of the window', 0, 0xfed00000, 0x41],
    ['the remappable format', 0, 0xfee00010, 0x41],
    ['zero', 0, 0, 0],
    ['a logical destination with redirection', 0, 0xfee0000c, 0x41],
    ['an NMI', 0, 0xfee00000, 0x441],
    ['an SMI', 0, 0xfee00000, 0x241],
  ])('%s raises no vector of one CPU', (_what, high, low, data) => {
    expect(parseVectorMsg(high, low, data)).toBe(-1);
    expect(parseDmarMsg({ addressHi: high === 0x100 ? 1 : high, addressLo: low, data })).toBeNull();
  });

  test('without redirection the destination mode is ignored; lowest priority to one CPU is that CPU', () => {
    expect(parseVectorMsg(0, 0xfee01004, 0x41)).toBe(0x141);
    expect(parseVectorMsg(0, 0xfee01008, 0x141)).toBe(0x141);
  });

  test('no words at all throw or give what is out of range', () => {
    const word = fc.nat(0xffffffff);
    const near = fc.tuple(fc.constantFrom(0, 1), fc.nat(0xfffff).map((low) => 0xfee00000 + low), fc.nat(0xffff));
    fc.assert(fc.property(fc.oneof(fc.tuple(word, word, word), near), ([high, low, data]) => {
      const packed = parseVectorMsg(high, low, data);
      expect(packed === -1 || (packed >= 0 && packed >>> 8 <= 0x7fff && Number.isInteger(packed))).toBe(true);
    }));
  });
});
