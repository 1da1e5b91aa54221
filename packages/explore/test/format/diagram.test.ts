import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { counterexampleMermaid, counterexampleSequence, counterexampleSvg } from '../../src/format/diagram.ts';
import { anyCounterexample } from './arbitraries.ts';
import { atOnce, deadlock, livelock, long, lost, step } from './examples.ts';

test('a row a step, arrows to who reads next what was written, and the sentence where it is broken', () => {
  expect(counterexampleSequence(lost)).toEqual({
    title: 'one queue, one vector: every completion is seen',
    steps: [
      { agent: 'device', text: 'complete a descriptor · queue.done: 0 → 1', wakes: 'handler' },
      { agent: 'device', text: 'raise the interrupt · entry.pending: false → true', wakes: 'handler' },
      { agent: 'handler', text: 'an interrupt' },
      { agent: 'handler', text: 'read how many are done · driver.seen: 0 → 1' },
      { agent: 'device', text: 'complete a descriptor · queue.done: 1 → 2' },
      { agent: 'device', text: 'raise the interrupt' },
      {
        agent: 'handler',
        text: 'acknowledge · ✗ 2 completions, and the driver has seen 1 · entry.pending: true → false',
        marked: true,
      },
    ],
  });
});

test('a deadlock goes on with who waits, a loop with where it goes on', () => {
  expect(counterexampleSequence(deadlock).steps.slice(2)).toEqual([
    { agent: 'reader', text: 'waits for lock b' },
    { agent: 'writer', text: 'waits for lock a' },
  ]);
  expect(counterexampleSequence(livelock).steps.map(({ text }) => text)).toEqual([
    'begin · owner.round: 0n → 1n',
    '↻ offer · flag.up: false → true',
    'take back · flag.up: true → false',
    'look at the flag · ✗ the poller is never past its loop',
    '↻ from 2 again, for ever',
  ]);
});

test('without a step there is the sentence', () => {
  expect(counterexampleSequence(atOnce).steps).toEqual([{ agent: 'start', text: '✗ empty', marked: true }]);
});

describe('arrows', () => {
  const wakes = (...steps: (typeof lost)['steps']) => counterexampleSequence({ ...lost, steps }).steps.map((each) => each.wakes);

  test('none for a value that the writer overwrites, does not change, or that the reader overwrites first', () => {
    const reads = step('b', 'memory', 'read', [['c', 2]]);
    expect(wakes(step('a', 'memory', '', [], [['c', 0, 1]]), step('a', 'memory', '', [], [['c', 1, 2]]), reads)).toEqual([
      undefined,
      'b',
      undefined,
    ]);
    expect(wakes(step('a', 'memory', '', [], [['c', 2, 2]]), reads)).toEqual([undefined, undefined]);
    expect(wakes(step('a', 'memory', '', [], [['c', 0, 1]]), step('b', 'memory', '', [], [['c', 1, 2]]), reads)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('none to an agent that moves later', () => {
    expect(wakes(step('a', 'memory', '', [], [['c', 0, 1]]), step('x', 'memory', ''), step('b', 'memory', '', [['c', 1]]))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

test('what does not fit is counted, what is thrown comes before what is written, and the sentence is never cut', () => {
  const [first, ...rest] = counterexampleSequence({
    ...deadlock,
    violation: 'so it is, '.repeat(40).trim(),
    steps: [{ ...step('a', 'memory', 'w'.repeat(200), [], [['c', 1, 2]]), threw: 'oh' }],
    waiting: [],
  }).steps;
  expect(first?.text).toMatch(/^w+…w+ · throws oh · \+1 more$/u);
  expect(rest.map(({ text }) => text).join(' ')).toBe(`✗ ${'so it is, '.repeat(40).trim()}`);
  expect(rest.every(({ agent, marked }) => agent === 'a' && marked === true)).toBe(true);
});

const widthOf = (svg: string) => Number(/width="(\d+)"/u.exec(svg)?.[1]);

test('sixty steps of six agents fit a page', () => {
  const svg = counterexampleSvg(long);
  expect(widthOf(svg)).toBeLessThanOrEqual(1200);
  expect(svg).toContain('✗ the entry 3 sent a message with the id 7 of guest0, and guest1 had bound 9');
  expect(counterexampleMermaid(long).match(/rect rgb/gu)?.length).toBe(2);
});

test('any counterexample fits a page, unless its lanes do not, and is XML', () => {
  fc.assert(
    fc.property(anyCounterexample, (counterexample) => {
      const drawn = counterexampleSequence(counterexample);
      expect(drawn.steps.some(({ marked }) => marked)).toBe(true);
      expect(counterexampleSvg(counterexample)).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
      const lanes = new Set(drawn.steps.map(({ agent }) => agent));
      // The renderer counts a pair of surrogates as two.
      const narrow =
        drawn.steps.every(({ text }) => !/[\u{10000}-\u{10ffff}]/u.test(text)) && !/[\u{10000}-\u{10ffff}]/u.test(drawn.title ?? '');
      if (narrow && [...lanes].join('').length < 80) expect(widthOf(counterexampleSvg(counterexample))).toBeLessThanOrEqual(1200);
    }),
  );
});
