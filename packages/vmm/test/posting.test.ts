import { expect, test } from 'vitest';
import fc from 'fast-check';
import { postedTarget } from '../src/index.ts';

const posting = { descriptor: 0x1_0000_0040n };

test('a fixed message to one CPU by its physical id is posted with its vector', () => {
  expect(postedTarget({ address: 0xfee00000n, data: 0x21 }, posting)).toEqual({ descriptor: 0x1_0000_0040n, vector: 0x21 });
  expect(postedTarget({ address: 0xfee03000n, data: 0x21 }, { ...posting, apicId: 3 })).toMatchObject({ vector: 0x21 });
  // Extended destination ids: bits 11:5 are bits 14:8 of the APIC id.
  expect(postedTarget({ address: 0xfee03020n, data: 0x21 }, { ...posting, apicId: 0x103 })).toMatchObject({ vector: 0x21 });
});

test.each([
  ['another CPU', 0xfee01000n, 0x21],
  ['all CPUs', 0xfeeff000n, 0x21],
  ['a logical destination', 0xfee00004n, 0x21],
  ['the redirection hint', 0xfee00008n, 0x21],
  ['the remappable format', 0xfee00010n, 0x21],
  ['an upper half', 0x1_fee00000n, 0x21],
  ['no interrupt', 0xfef00000n, 0x21],
  ['lowest priority', 0xfee00000n, 0x121],
  ['NMI', 0xfee00000n, 0x400],
])('%s is for the host to deliver', (_what, address, data) => {
  expect(postedTarget({ address, data }, posting)).toBeNull();
});

test('of several virtual CPUs the one with that id gets it', () => {
  const cpus = [{ descriptor: 0x40n }, { descriptor: 0x80n, apicId: 1 }];
  const descriptors = [0, 1, 2].map((id) => postedTarget({ address: 0xfee00000n | (BigInt(id) << 12n), data: 0x21 }, cpus)?.descriptor);
  expect(descriptors).toEqual([0x40n, 0x80n, undefined]);
});

test('APIC id 255 as a physical destination is all CPUs, whoever has that id', () => {
  expect(postedTarget({ address: 0xfeeff000n, data: 0x21 }, { ...posting, apicId: 0xff })).toBeNull();
});

test('no address and data make it throw, and what is posted has a vector of 8 bits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.nat({ max: 0xffffffff }), fc.boolean(), (any, data, near) => {
      const address = near ? 0xfee00000n | (any & 0xfffffn) : any;
      const target = postedTarget({ address, data }, posting);
      if (target !== null) expect([target.vector, (address >> 12n) & 0xffn]).toEqual([data & 0xff, 0n]);
    }),
  );
});
