import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { validateIrqSet, VFIO_IRQ_SET } from '../src/index.ts';

const { DATA_NONE, DATA_BOOL, DATA_EVENTFD, ACTION_TRIGGER, ACTION_MASK } = VFIO_IRQ_SET;
const good = { argsz: 28, flags: DATA_EVENTFD | ACTION_TRIGGER, index: 2, start: 1, count: 2 };

describe('validateIrqSet', () => {
  test('a good request gives the size of its data', () => {
    expect(validateIrqSet(good, 9, 5)).toEqual({ ok: true, value: 8 });
    expect(validateIrqSet({ ...good, flags: DATA_BOOL | ACTION_MASK }, 9, 5)).toEqual({ ok: true, value: 2 });
    expect(validateIrqSet({ ...good, flags: DATA_NONE | ACTION_TRIGGER }, 9, 5)).toEqual({ ok: true, value: 0 });
  });

  test.each([
    [{ argsz: 19 }, /argsz 19/],
    [{ index: 5 }, /index 5 is not below 5/],
    [{ start: 0xfffffffe, count: 1 }, /overflows/],
    [{ flags: good.flags | 0x40 }, /unknown bits/],
    [{ start: 9, count: 0 }, /start 9 is not below the 9/],
    [{ start: 8 }, /start 8 \+ count 2 is above/],
    [{ flags: ACTION_TRIGGER }, /kind of data/],
    [{ flags: DATA_NONE | DATA_BOOL | ACTION_TRIGGER }, /kind of data/],
    [{ argsz: 27 }, /no room/],
    [{ flags: DATA_EVENTFD }, /one action/],
    [{ flags: DATA_EVENTFD | ACTION_TRIGGER | ACTION_MASK }, /one action/],
  ])('%o is refused with EINVAL', (change, message) => {
    expect(validateIrqSet({ ...good, ...change }, 9, 5)).toMatchObject({ ok: false, errno: 'EINVAL', message: expect.stringMatching(message) });
  });

  test('whatever comes in, an accepted request stays inside the index', () => {
    const u32 = fc.oneof(fc.nat(12), fc.nat(0xffffffff));
    fc.assert(fc.property(fc.record({ argsz: u32, flags: fc.nat(0x7f), index: u32, start: u32, count: u32 }), (header) => {
      if (!validateIrqSet(header, 9, 5).ok) return;
      expect(header.index).toBeLessThan(5);
      expect(header.start + header.count).toBeLessThanOrEqual(9);
    }));
  });
});
