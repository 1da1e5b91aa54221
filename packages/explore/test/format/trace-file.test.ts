import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { parseTraceFile, traceFile } from '../../src/format/trace-file.ts';
import { anyCounterexample, anyText, anyValue } from './arbitraries.ts';
import { deadlock, livelock, step } from './examples.ts';

const source = { model: 'locks', options: { count: 2n } };

test('a line a step, with what it is expected to read and write', () => {
  const steps = [step('a', 'lock', 'x', [['c', 1]], [['c', 1, 2n]]), { ...step('b', 'device', 'y'), threw: 'oh' }];
  expect(traceFile({ ...deadlock, steps }, source)).toBe(`\
{
  "kind": "siov explore trace",
  "version": 1,
  "source": {"model":"locks","options":{"count":{"#bigint":"2"}}},
  "model": "two locks",
  "property": "no deadlock",
  "violation": "nobody can move, and 2 agents are not done",
  "shortest": true,
  "loop": null,
  "waiting": [{"agent":"reader","for":"lock b"},{"agent":"writer","for":"lock a"}],
  "steps": [
    {"agent":"a","kind":"lock","what":"x","reads":[{"cell":"c","value":1}],"writes":[{"cell":"c","before":1,"after":{"#bigint":"2"}}]},
    {"agent":"b","kind":"device","what":"y","reads":[],"writes":[],"threw":"oh"}
  ]
}
`);
});

test('any counterexample comes back from its file', () => {
  fc.assert(
    fc.property(anyCounterexample, anyText, anyValue, (counterexample, model, options) => {
      expect(parseTraceFile(traceFile(counterexample, { model, options }))).toEqual({
        ok: true,
        value: { source: { model, options }, counterexample },
      });
    }),
  );
});

describe('a file that is none', () => {
  const message = (text: string) => {
    const result = parseTraceFile(text);
    return result.ok ? undefined : `${result.errno} ${result.message}`;
  };
  const changed = (change: (file: Record<string, never>) => void) => {
    const file = JSON.parse(traceFile(livelock, source)) as Record<string, never>;
    change(file);
    return message(JSON.stringify(file));
  };

  test.each([
    ['', /^EINVAL trace file: no JSON: /u],
    ['[]', /^EINVAL trace file: the whole: a list of 0 is not a record$/u],
    ['{"kind": "siov explore trace", "version": 2, "new": 1}', /^EINVAL trace file: version: 2 is not 1$/u],
    ['{"kind": "other"}', /^EINVAL trace file: kind: "other" is not "siov explore trace"$/u],
    ['{}', /^EINVAL trace file: kind is missing: it has to be "siov explore trace"$/u],
  ])('%s', (text, expected) => expect(message(text)).toMatch(expected));

  const broken: [string, (file: never) => void, string][] = [
    [
      'a field of another type',
      (file: { steps: { what: unknown }[] }) => ((file.steps[1] as { what: unknown }).what = 5),
      'steps[1].what: 5 is not a text',
    ],
    [
      'a field that is missing',
      (file: { steps: { reads?: unknown }[] }) => delete file.steps[0]?.reads,
      'steps[0].reads is missing: it has to be a list',
    ],
    [
      'a field that is unknown',
      (file: { steps: object[] }) => Object.assign(file.steps[2] as object, { thew: '' }),
      'steps[2].thew: no such field; there are agent, kind, what, reads, writes, notes, threw',
    ],
    [
      'a field of another type that may be missing',
      (file: { steps: object[] }) => Object.assign(file.steps[2] as object, { threw: null }),
      'steps[2].threw: null is not a text',
    ],
    [
      'a point of an unknown kind',
      (file: { steps: object[] }) => Object.assign(file.steps[0] as object, { kind: 'nap' }),
      'steps[0].kind: "nap" is not one of register, memory, lock, unlock, wait, trap, return, device, poll',
    ],
    [
      'a value that is none',
      (file: { steps: { writes: object[] }[] }) => Object.assign(file.steps[0]?.writes[0] as object, { after: { '#bigint': 'x' } }),
      'steps[0].writes[0].after: "x" is not the decimal digits of a #bigint',
    ],
    ['a loop to nowhere', (file: { loop: unknown }) => (file.loop = 4), 'loop: 4 is not the index of a step; there are 4'],
    ['a loop that is no index', (file: { loop: unknown }) => (file.loop = -1), 'loop: -1 is not a whole number from 0'],
    ['a flag that is none', (file: { shortest: unknown }) => (file.shortest = 'no'), 'shortest: "no" is not true or false'],
    [
      'no options',
      (file: { source: { options?: unknown } }) => delete file.source.options,
      'source.options is missing: it has to be plain data',
    ],
    ['a list that is none', (file: { waiting: unknown }) => (file.waiting = {}), 'waiting: a record is not a list'],
    ['a record that is none', (file: { source: unknown }) => (file.source = []), 'source: a list of 0 is not a record'],
    [
      'a name that a terminal obeys',
      (file: object) => Object.assign(file, { '\u001b[2J': 1 }),
      String.raw`\u{1b}[2J: no such field; there are kind, version, source, model, property, violation, shortest, loop, waiting, steps`,
    ],
  ];
  test.each(broken)('%s', (_name, change, expected) =>
    expect(changed(change as (file: Record<string, never>) => void)).toBe(`EINVAL trace file: ${expected}`),
  );

  test('any JSON, and any text, gets an answer', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(message(text)).toMatch(/^EINVAL trace file: /u);
      }),
    );
  });

  test('a piece of any file replaced by something else is read or refused, never thrown at', () => {
    const file = traceFile(livelock, source);
    fc.assert(
      fc.property(fc.nat({ max: file.length }), fc.nat({ max: 20 }), fc.oneof(fc.string(), fc.json()), (at, length, piece) => {
        expect(typeof parseTraceFile(file.slice(0, at) + piece + file.slice(at + length)).ok).toBe('boolean');
      }),
    );
  });

  test('what nests deeper than any stack', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(message(traceFile(livelock, source).replace('{"#bigint":"2"}', deep))).toMatch(/nests deeper than 200 levels$/u);
    expect(message(traceFile(livelock, source).replace('"two locks"', '1').replace('"a flag that is taken back"', deep))).toBe(
      'EINVAL trace file: model: a list of 1 is not a text',
    );
  });
});
