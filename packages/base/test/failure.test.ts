import { expect, test } from 'vitest';
import { bufferMemory, describeFailure, fail, ModelError, must, ok } from '../src/index.ts';

test('a failure prints its code as the kernel writes it, and what was wrong', () => {
  expect(describeFailure(fail('EINVAL', 'start 3 is not below 2'))).toBe('-EINVAL: start 3 is not below 2');
});

test('must gives the value, or throws what failed while doing what', () => {
  expect([must(ok(4), 'x'), must(ok(), 'x'), must(ok(0), 'x')]).toEqual([4, undefined, 0]);
  expect(() => must(fail('ENOSPC', 'full'), 'arming vector 1')).toThrow(new ModelError('arming vector 1: -ENOSPC: full'));
});

test('memory accesses beyond its end are the caller’s mistake', () => {
  const memory = bufferMemory(new Uint8Array(8));
  memory.write(6, Uint8Array.of(1, 2));
  const read = new Uint8Array(2);
  memory.read(6, read);
  expect([...read]).toEqual([1, 2]);
  expect(() => memory.write(7, Uint8Array.of(1, 2))).toThrow(/7\+2 leaves the 8 bytes/);
  expect(() => memory.read(-1, read)).toThrow(ModelError);
});
