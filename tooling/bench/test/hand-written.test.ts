// The path by hand checks what the packages check: otherwise its speed says nothing.
import { expect, test } from 'vitest';
import { HandWritten } from '../src/hand-written.ts';

function machine() {
  const handled: number[] = [];
  const path: HandWritten = new HandWritten(8, 2, 0x6a08, (virq) => handled.push(virq));
  return { path, handled };
}

test('counts on the CPU that took it, and calls its handler', () => {
  const { path, handled } = machine();
  for (const entry of [5, 2, 5]) path.interrupt(entry);
  expect(handled).toEqual([5, 2, 5]);
  expect([path.count(5, 0), path.count(5, 1), path.count(2, 0), path.count(2, 1)]).toEqual([0, 2, 1, 0]);
});

test('a masked entry keeps one interrupt pending until it is unmasked', () => {
  const { path, handled } = machine();
  path.setMask(3, true);
  path.interrupt(3);
  path.interrupt(3);
  expect(handled).toEqual([]);
  path.setMask(3, false);
  expect(handled).toEqual([3]);
});

test('a disabled interrupt is latched and its entry masked', () => {
  const { path, handled } = machine();
  path.setDisabled(1, true);
  path.interrupt(1);
  expect([handled, path.count(1, 1)]).toEqual([[], 0]);
});

test('an edge during the handler is handled once more afterwards', () => {
  let nested = 2;
  const handled: number[] = [];
  const path: HandWritten = new HandWritten(1, 1, 0x6a08, (virq) => {
    handled.push(virq);
    if (nested-- > 0) path.interrupt(0);
  });
  path.interrupt(0);
  expect(handled).toEqual([0, 0, 0]);
});

test('nothing leaves a device that may not write memory, and there is no entry beyond the last', () => {
  const { path, handled } = machine();
  path.busMaster = false;
  path.interrupt(0);
  expect(handled).toEqual([]);
  expect(() => path.interrupt(8)).toThrow(RangeError);
});

test('a message of another requester, or to an entry that is not present, is a fault', () => {
  const { path, handled } = machine();
  path.message(0x6a09, 0, 0xfee00018, 0);
  path.message(0x6a08, 0, 0xfee00018 | (100 << 5), 0);
  path.message(0x6a08, 0, 0xfee00000, 0x40);
  path.message(0x6a08, 1, 0xfee00018, 0);
  path.message(0x6a08, 0, 0xfeefffff, 0xffff);
  expect([path.faults.count, handled]).toEqual([5, []]);
});

test('a message names its entry by handle, and by subhandle where that is valid', () => {
  const address = (handle: number, subhandleValid: 0 | 1) => (0xfee00010 | (handle << 5) | (subhandleValid << 3)) >>> 0;
  const { path, handled } = machine();
  path.message(0x6a08, 0, address(2, 1), 3);
  path.interrupt(0);
  path.message(0x6a08, 0, address(2, 0), 3);
  path.interrupt(0);
  // The CPUs take what was requested with the next interrupt: the highest vector first, CPU 0 before CPU 1.
  expect(handled).toEqual([0, 5, 2, 0]);
  path.message(0x6a08, 0, (address(2, 1) & 0x000fffff) >>> 0, 0);
  path.message(0x6a08, 0, address(0x7fff, 1) | (1 << 2), 1);
  expect(path.faults).toEqual({ count: 2, index: 65536 });
});
