import { expect, test } from 'vitest';
import fc from 'fast-check';
import { VFIO_PCI_REGION } from '@siov/vfio';
import { makeVirtual } from './fake-function.ts';

const { BAR2 } = VFIO_PCI_REGION;
const written = (offset: number, size: number) => {
  const { vfio, run, fake } = makeVirtual();
  expect(run(vfio.regionWrite(BAR2, offset, new Uint8Array(size))).ok).toBe(true);
  return fake.submissions;
};

test('a descriptor comes to the IMS portal of the same kind, at the same place in the page', () => {
  expect(written(0x1040, 64)).toEqual(['wq 0 limited IMS +64:64']);
  expect(written(0x0fc0, 64)).toEqual(['wq 0 unlimited IMS +4032:64']);
});

test('pages 2 and 3, which would be the guest’s own IMS portals, take nothing', () => {
  expect([0x2000, 0x2040, 0x3000, 0x3fc0].flatMap((offset) => written(offset, 64))).toEqual([]);
});

test('writes of any size but 64, or not at a multiple of it, are dropped; reads are 0', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0x3f80 }), fc.integer({ min: 1, max: 128 }), (offset, size) => {
      fc.pre(size !== 64 || offset % 64 !== 0);
      expect(written(offset, size)).toEqual([]);
    }),
    { numRuns: 30 },
  );
  const { bytes } = makeVirtual();
  expect(bytes(BAR2, 0x1000, 64)).toEqual(new Uint8Array(64));
});
