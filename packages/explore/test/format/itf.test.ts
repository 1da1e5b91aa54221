import { expect, test } from 'vitest';
import fc from 'fast-check';
import { itf } from '../../src/format/itf.ts';
import { anyCounterexample } from './arbitraries.ts';
import { atOnce, deadlock, livelock, lost, step } from './examples.ts';

interface Trace {
  readonly vars: readonly string[];
  readonly states: readonly Readonly<Record<string, unknown>>[];
  readonly loop?: number;
  readonly '#meta': Readonly<Record<string, string>>;
}

const traceOf = (counterexample: typeof lost) => JSON.parse(itf(counterexample)) as Trace;

test('a state before the first step, and one after each', () => {
  const { vars, states, '#meta': meta, ...rest } = traceOf(deadlock);
  expect(rest).toEqual({});
  expect(meta).toMatchObject({
    format: 'ITF',
    source: 'two locks',
    description: 'no deadlock: nobody can move, and 2 agents are not done',
  });
  expect(vars).toEqual(['agent', 'what', 'lock/a.held', 'lock/b.held']);
  expect(states).toEqual([
    { '#meta': { index: 0 }, agent: '', what: '', 'lock/a.held': false, 'lock/b.held': false },
    { '#meta': { index: 1 }, agent: 'reader', what: 'lock a', 'lock/a.held': true, 'lock/b.held': false },
    { '#meta': { index: 2 }, agent: 'writer', what: 'lock b', 'lock/a.held': true, 'lock/b.held': true },
  ]);
});

test('a cell begins as its first access finds it, also where that is late', () => {
  expect(traceOf(lost).states.map((state) => state['driver.seen'])).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
});

test('a loop goes to the state after its first step: that is what comes after the last', () => {
  const { states, loop } = traceOf(livelock);
  expect(loop).toBe(2);
  expect(states[2]).toMatchObject({ what: 'offer', 'flag.up': true, 'owner.round': { '#bigint': '1' } });
  expect(states).toHaveLength(5);
});

test('without a step there is one state', () => {
  expect(traceOf(atOnce)).toMatchObject({ vars: ['agent', 'what'], states: [{ agent: '', what: '' }] });
});

test.each([
  [5, 5],
  [5n, { '#bigint': '5' }],
  [0.5, { '#unserializable': '0.5' }],
  [2 ** 53, { '#unserializable': '9007199254740992' }],
  [null, { tag: 'None', value: { '#tup': [] } }],
  [
    [1, 2n],
    [1, { '#bigint': '2' }],
  ],
  [[1, 'a'], { '#tup': [1, 'a'] }],
  [
    [[], [1]],
    [[], [1]],
  ],
  [[{}, null], { '#tup': [{}, { tag: 'None', value: { '#tup': [] } }] }],
  [{ a: true }, { a: true }],
  [{ '#a': 1 }, { '#map': [['#a', 1]] }],
  [{ tag: 1 }, { '#map': [['tag', 1]] }],
])('%o as an expression', (value, expression) => {
  expect(traceOf({ ...deadlock, steps: [step('a', 'memory', '', [['x', value]])] }).states[0]?.['x']).toEqual(expression);
});

test('names that mean something else get a prefix, and none is the name of another', () => {
  const cells = ['agent', 'what', '#meta', 'cell:agent', 'cell:cell:agent', 'other'];
  const { vars } = traceOf({
    ...deadlock,
    steps: [
      step(
        'a',
        'memory',
        '',
        cells.map((cell) => [cell, 1] as const),
      ),
    ],
  });
  expect(vars.slice(2)).toEqual(['cell:agent', 'cell:what', 'cell:#meta', 'cell:cell:agent', 'cell:cell:cell:agent', 'other']);
});

test('every state has every variable, and no other', () => {
  fc.assert(
    fc.property(anyCounterexample, (counterexample) => {
      const { vars, states, loop = 0 } = traceOf(counterexample);
      expect(new Set(vars).size).toBe(vars.length);
      for (const state of states) expect(Object.keys(state).sort()).toEqual(['#meta', ...vars].sort());
      expect(loop).toBeLessThan(states.length);
    }),
  );
});
