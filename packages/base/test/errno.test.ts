import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { ERRNO } from '../src/index.ts';

test.runIf(process.platform === 'linux')('every errno has the number Linux gives it', () => {
  for (const [name, { number }] of Object.entries(ERRNO)) {
    expect([name, number]).toEqual([name, constants.errno[name as keyof typeof constants.errno]]);
  }
});
