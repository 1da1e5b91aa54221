// The yardstick's protocol: what holds and what does not, that Spin's model has the same states, and what its output says.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, DEADLOCK } from '@siov/explore';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Contest } from '../src/yardstick/bench.ts';
import { sizeName, VARIANTS, yardstick } from '../src/yardstick/protocol.ts';
import type { Variant, YardstickSize } from '../src/yardstick/protocol.ts';
import { yardstickReport } from '../src/yardstick/report.ts';
import { hashBitsFor, readPan, runSpin } from '../src/yardstick/spin.ts';
import type { SpinRun } from '../src/yardstick/spin.ts';
import { MissingTools, missingTools } from '../src/yardstick/tools.ts';
import { summarise } from '../src/statistics.ts';
import { enumerate } from './enumerate.ts';

const size = (guests: number, interrupts: number, variant: Variant = 'rev') => ({ guests, interrupts, variant });

describe('the protocol', () => {
  test('rev holds; each other variant breaks what it is named for, and nothing else', () => {
    const broken = Object.fromEntries(VARIANTS.map((variant) => [variant, [...enumerate(yardstick(size(1, 1, variant))).broken].sort()]));
    expect(broken).toEqual({
      rev: [],
      v6: ['an accepted interrupt carries the id its guest has bound'],
      lost: ['every completion is seen', DEADLOCK],
      leak: ['nothing is allocated after unbind'],
    });
  });

  test('guests with queues of their own have nothing to do with each other', async () => {
    const { states } = enumerate(yardstick(size(1, 1)));
    const { coverage } = await check(yardstick({ ...size(2, 1), queues: 2 }), { reduction: false });
    expect(coverage.states).toBe(states ** 2);
  });

  test('the explorer sees what the plain enumeration sees', async () => {
    const { coverage, verdicts } = await check(yardstick(size(1, 2)), { reduction: false });
    const { states, transitions } = enumerate(yardstick(size(1, 2)));
    expect(coverage).toMatchObject({ states, transitions, complete: true });
    expect(new Set(verdicts.map(({ outcome }) => outcome))).toEqual(new Set(['proved']));
  });

  test('sizes are named by what is more than one', () => {
    expect([size(1, 3), size(2, 2, 'v6'), { ...size(3, 1), queues: 2 }].map(sizeName)).toEqual(['N3 rev', 'G2N2 v6', 'G3N1M2 rev']);
  });
});

describe.skipIf(missingTools().length > 0)('Spin (skipped where it is not installed)', () => {
  test.each([size(1, 2), size(1, 1, 'lost')])('has the same states and steps: %o', async (each) => {
    const { states, transitions, errors, ...phases } = await spinOn(each);
    const plain = enumerate(yardstick(each));
    // Spin counts the start as a transition.
    expect([states, transitions - 1, errors > 0]).toEqual([plain.states, plain.transitions, plain.broken.size > 0]);
    for (const { seconds, memory } of Object.values(phases)) expect(Math.min(seconds, memory)).toBeGreaterThan(0);
  });

  test('has as many states as the explorer with two guests on one queue', async () => {
    const spin = await spinOn(size(2, 1));
    const { coverage } = await check(yardstick(size(2, 1)), { reduction: false });
    expect([spin.states, spin.transitions - 1]).toEqual([coverage.states, coverage.transitions]);
  });
});

async function spinOn(each: YardstickSize): Promise<SpinRun> {
  const directory = await mkdtemp(join(tmpdir(), 'siov-yardstick-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return runSpin(directory, each, { reduction: false, optimise: '-O0', everyError: true });
}

describe('what the verifier prints', () => {
  const counts = '1.2e+09 states, stored\n  74 states, matched\n  194 transitions (= stored+matched)';
  const output = (errors: number, rest = '') => `State-vector 60 byte, depth reached 36, errors: ${errors}\n  ${counts}\n${rest}`;

  test('states, transitions and errors', () => {
    expect(readPan(output(0))).toEqual({ errors: 0, states: 1.2e9, transitions: 194 });
  });

  test('a search that ended before its end counts only if it found something', () => {
    const early = 'Warning: Search not completed\n';
    expect(readPan(output(1, early)).errors).toBe(1);
    for (const why of [early, 'error: max search depth too small\n']) {
      expect(() => readPan(output(0, why))).toThrow('did not see everything');
    }
    expect(() => readPan('pan: out of memory')).toThrow('did not say errors');
  });

  test('tables have a slot for each state', () => {
    for (const states of [1, 1000, 1024, 1025, 8_685_711]) expect(2 ** hashBitsFor(states)).toBeGreaterThanOrEqual(states);
  });
});

test('what is missing is named, with the packages that have it', () => {
  expect(missingTools('')).toEqual(['spin', 'gcc', 'time']);
  expect(new MissingTools(['spin', 'gcc']).message).toBe('The yardstick needs spin, gcc. On Debian: apt-get install spin gcc libc6-dev');
});

test('the report has a table for each way of searching', () => {
  const phase = { seconds: summarise([2]), cpu: summarise([2]), memory: 5e6 };
  const contest = (reduction: boolean): Contest => ({
    name: 'N1 rev',
    reduction,
    spin: {
      states: 1000, transitions: 2000, errors: 0,
      generate: phase, compile: phase, search: phase,
      seconds: summarise([6]), secondsUnoptimised: null,
    },
    ours: { states: 900, transitions: 1900, learned: 80, engine: 'tables', complete: true, refuted: [], whole: phase },
    ratio: { search: summarise([1]), whole: summarise([3]) },
  });
  const report = yardstickReport({ versions: { spin: 'Spin 1', gcc: 'gcc 2' }, rounds: 3, contests: [contest(false), contest(true)] });
  const row = ['N1 rev', '1,000', '2.00', '6.00', '-', '5', '900', '2.00', '5', '1.00', '3.00'];
  const rows = report.split('\n').map((line) => line.split('│').map((cell) => cell.trim()).slice(1, -1));
  expect(rows.filter(([first]) => first === 'N1 rev')).toEqual([row, row]);
});
