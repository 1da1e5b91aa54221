import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Irte, mayUse, readIrte, VALIDATION, writePosted, writeRemapped } from '../src/index.ts';
import { composeRemappableMsg, isInterruptAddress, parseRemappableMsg } from '../src/index.ts';

const source = fc.record({ sourceId: fc.nat(0xffff), qualifier: fc.nat(3), validation: fc.nat(3) });
const vector = fc.nat(0xff);

describe('entries', () => {
  test('a remapped entry comes back as it was written, and touches no other', () => {
    fc.assert(fc.property(source, fc.nat(0xffffffff), vector, fc.nat(3), (from, cpu, at, index) => {
      const words = new Uint32Array(16).fill(0x5a5a5a5a);
      writeRemapped(words, index, from, { cpu, vector: at });
      expect(readIrte(words, index)).toEqual({ ...from, mode: 'remapped', cpu, vector: at, faultDisable: false });
      expect([...words].filter((word, each) => each >>> 2 !== index && word !== 0x5a5a5a5a)).toEqual([]);
    }));
  });

  test('so does a posted one, with any 64-byte aligned address', () => {
    const address = fc.bigInt({ min: 0n, max: (1n << 58n) - 1n }).map((line) => line << 6n);
    fc.assert(fc.property(source, address, vector, (from, descriptor, at) => {
      const words = new Uint32Array(4);
      writePosted(words, 0, from, { descriptor, vector: at });
      expect(readIrte(words, 0)).toEqual({ ...from, mode: 'posted', descriptor, vector: at, urgent: false, faultDisable: false });
    }));
  });

  test('the bits are where the specification has them', () => {
    const words = new Uint32Array(4);
    const from = { sourceId: 0x6a01, qualifier: 2, validation: VALIDATION.requester };
    writeRemapped(words, 0, from, { cpu: 0x12345678, vector: 0x41 });
    expect([...words]).toEqual([0x00410001, 0x12345678, 0x00066a01, 0]);
    writePosted(words, 0, from, { descriptor: 0x9_8765_4340n, vector: 0x42 });
    expect([...words]).toEqual([0x00428001, 0x87654340, 0x00066a01, 9]);
    expect(Irte.Low.decode(Irte.Low.image(0x00ff_cfff))).toEqual({
      present: 1, faultDisable: 1, destinationMode: 1, redirectionHint: 1, triggerMode: 1, deliveryMode: 7, available: 15, urgent: 1, posted: 1, vector: 255,
    });
  });
});

describe('who may use an entry', () => {
  /** Word for word: VT-d 9.9, SVT and SQ. */
  function allowed(validation: number, qualifier: number, sourceId: number, requester: number): boolean {
    const bits = (id: number) => id.toString(2).padStart(16, '0');
    const bus = (id: number) => Number.parseInt(bits(id).slice(0, 8), 2);
    switch (validation) {
      case 0: return true;
      case 1: {
        const dropped = [[], [2], [2, 1], [2, 1, 0]][qualifier] ?? [];
        return Array.from(bits(sourceId)).every((each, place) => dropped.includes(15 - place) || each === bits(requester)[place]);
      }
      case 2: return bus(requester) >= bus(sourceId) && bus(requester) <= (sourceId & 0xff);
      default: return false;
    }
  }

  test('agrees with the definition, bit by bit', () => {
    const near = fc.tuple(fc.nat(0xffff), fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 0x100, 0x8000)).map(([id, change]) => [id, id ^ change] as const);
    const pair = fc.oneof(near, fc.tuple(fc.nat(0xffff), fc.nat(0xffff)));
    fc.assert(fc.property(fc.nat(3), fc.nat(3), pair, (validation, qualifier, [sourceId, requester]) => {
      expect(mayUse(validation, qualifier, sourceId, requester)).toBe(allowed(validation, qualifier, sourceId, requester));
    }), { numRuns: 2000 });
  });

  test('and for every requester of some entries', () => {
    for (const [validation, qualifier, sourceId] of [[1, 0, 0x6a01], [1, 1, 0x6a05], [1, 2, 0x6a06], [1, 3, 0x6a07], [2, 0, 0x1012], [2, 3, 0x1210], [0, 0, 1], [3, 0, 0x6a01]] as const) {
      const wrong = Array.from({ length: 0x10000 }, (_, id) => id).filter((id) => mayUse(validation, qualifier, sourceId, id) !== allowed(validation, qualifier, sourceId, id));
      expect(wrong).toEqual([]);
    }
  });
});

describe('remappable messages', () => {
  test('every index comes back from its message, and the message is in the interrupt window', () => {
    for (let index = 0; index < 0x10000; index++) {
      const { addressLo, addressHi, data } = composeRemappableMsg(index);
      if (!isInterruptAddress(addressHi, addressLo) || parseRemappableMsg(addressHi, addressLo, data) !== index) expect.fail(`index ${index}`);
    }
  });

  test('handle and subhandle are added only when the subhandle is valid; the data’s upper half is reserved then', () => {
    const { addressLo } = composeRemappableMsg(5);
    expect([parseRemappableMsg(0, addressLo, 3), parseRemappableMsg(0, addressLo - 8, 3), parseRemappableMsg(0, addressLo - 8, 0x10003)]).toEqual([8, 5, 5]);
    expect(parseRemappableMsg(0, addressLo, 0x10003)).toBeLessThan(0);
    expect(composeRemappableMsg(0x8001)).toEqual({ addressLo: 0xfee0003c, addressHi: 0, data: 0 });
  });

  test('the window is 1 MiB at 0xfee00000, below 4 GiB', () => {
    const addresses = [[0, 0xfedfffff], [0, 0xfee00000], [0, 0xfeefffff], [0, 0xfef00000], [1, 0xfee00000]] as const;
    expect(addresses.map(([high, low]) => isInterruptAddress(high, low))).toEqual([false, true, true, false, false]);
  });
});
