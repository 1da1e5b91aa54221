import { expect, test } from 'vitest';
import { GuestError } from '@siov/guest-harness';
import { differences, statusOf } from '../src/guest-report.ts';
import type { Outcome } from '../src/guest-report.ts';

const ended = (status: number): Outcome => ({ kernel: '7.3', copied: null, result: { status, stdout: '', stderr: '', stdoutBytes: Buffer.alloc(0), stderrBytes: Buffer.alloc(0) } });

test('what the host holds more or less than before is named with both numbers', () => {
  expect(differences({ virqs: 2, pasids: 1, slots: 0 }, { virqs: 3, pasids: 1, slots: 0 })).toEqual(['virqs 3 (2)']);
  expect(differences({ virqs: 2 }, { virqs: 1 })).toEqual(['virqs 1 (2)']);
});

test.each([
  [0, [], 0],
  [7, [], 7],
  [0, ['virqs 3 (2)'], 1],
  [7, ['virqs 3 (2)'], 7],
])('a command that ended with %i and %j left behind: %i', (status, left, expected) => {
  expect(statusOf(ended(status), left)).toBe(expected);
});

test('a command that took too long: 124, as timeout(1)', () => {
  expect(statusOf({ kernel: '7.3', copied: null, result: new GuestError('TIMEOUT', 'did not end') }, ['virqs 3 (2)'])).toBe(124);
});
