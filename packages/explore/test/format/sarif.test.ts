import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError } from '@siov/base';
import { sarif } from '../../src/format/sarif.ts';
import type { SarifOptions } from '../../src/format/sarif.ts';
import type { JudgedReport } from '../../src/format/judged.ts';
import type { Outcome, Report } from '../../src/report.ts';
import { anyCounterexample, anyText } from './arbitraries.ts';
import { atOnce, complete, lost, report, step } from './examples.ts';

interface Text {
  readonly text: string;
}

interface FlowLocation {
  readonly location: { readonly message: Text; readonly physicalLocation?: object };
  readonly kinds?: readonly string[];
  readonly state: Readonly<Record<string, Text>>;
  readonly executionOrder: number;
  readonly importance: string;
}

interface Result {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: Text;
  readonly locations: readonly { readonly physicalLocation?: object; readonly logicalLocations: readonly object[] }[];
  readonly codeFlows?: readonly {
    readonly threadFlows: readonly {
      readonly id: string;
      readonly initialState: Readonly<Record<string, Text>>;
      readonly locations: readonly FlowLocation[];
    }[];
  }[];
  readonly properties: Readonly<Record<string, unknown>>;
}

interface Run {
  readonly tool: {
    readonly driver: { readonly name: string; readonly version?: string; readonly rules: readonly { readonly id: string }[] };
  };
  readonly results: readonly Result[];
}

function runOf(reports: readonly JudgedReport[], options?: SarifOptions): Run {
  const log = JSON.parse(sarif(reports, options)) as { readonly version: string; readonly runs: readonly Run[] };
  expect(log.version).toBe('2.1.0');
  expect(log.runs).toHaveLength(1);
  return log.runs[0] as Run;
}

const judged: JudgedReport = { report, expected: { 'no agent throws': 'not refuted' } };

test('a rule a property, a result for what is not as expected', () => {
  const { tool, results } = runOf([judged, { ...judged, report: { ...report, model: 'another' } }], { version: '1.2.3' });
  expect(tool.driver).toMatchObject({ name: '@siov/explore', version: '1.2.3' });
  expect(tool.driver.rules.map(({ id }) => id)).toEqual(['no deadlock', 'no agent throws', lost.property]);
  expect(results.map(({ ruleId, ruleIndex, level, message }) => [ruleId, ruleIndex, level, message.text])).toEqual([
    [lost.property, 2, 'error', `one queue, one vector: refuted, expected to be proved: ${lost.violation}`],
    [lost.property, 2, 'error', `another: refuted, expected to be proved: ${lost.violation}`],
  ]);
});

test('a flow an agent, and the order in which they moved', () => {
  const flows = runOf([judged]).results[0]?.codeFlows?.[0]?.threadFlows ?? [];
  expect(flows.map(({ id, locations }) => [id, locations.map(({ executionOrder }) => executionOrder)])).toEqual([
    ['device', [1, 2, 5, 6]],
    ['handler', [3, 4, 7]],
  ]);
  expect(flows[0]?.initialState).toEqual({ 'queue.done': { text: '0' }, 'entry.pending': { text: 'false' } });
  const last = flows[1]?.locations[2];
  expect(last).toMatchObject({
    location: { message: { text: '7 handler: acknowledge' } },
    state: { 'entry.pending': { text: 'false' } },
    importance: 'essential',
  });
  expect(flows[1]?.locations[1]?.state).toEqual({ 'queue.done': { text: '1' }, 'driver.seen': { text: '1' } });
});

const resultOf = (outcome: Outcome, expected: Outcome, counterexample = outcome === 'refuted' ? lost : null) => {
  const made: Report = { ...report, verdicts: [{ property: 'p', outcome, counterexample }] };
  return runOf([{ report: made, expected: { p: expected } }]).results;
};

test('how bad it is', () => {
  expect(resultOf('not refuted', 'proved')[0]).toMatchObject({
    level: 'warning',
    properties: { outcome: 'not refuted', expected: 'proved' },
  });
  expect(resultOf('proved', 'refuted')[0]?.level).toBe('error');
  expect(resultOf('proved', 'proved')).toEqual([]);
  expect(runOf([{ report, expected: { gone: 'refuted' } }]).results.at(-1)).toMatchObject({
    ruleId: 'gone',
    level: 'error',
    properties: { outcome: null },
  });
});

test('without a step there is no flow', () => {
  expect(resultOf('refuted', 'proved', atOnce)[0]).not.toHaveProperty('codeFlows');
});

test('kinds of points in the words of the format, and what was thrown', () => {
  const steps = [step('a', 'lock', 'x'), { ...step('a', 'device', 'y'), threw: 'oh' }];
  const locations = resultOf('refuted', 'proved', { ...lost, steps })[0]?.codeFlows?.[0]?.threadFlows[0]?.locations ?? [];
  expect(locations[0]?.kinds).toEqual(['acquire', 'lock']);
  expect(locations[1]).not.toHaveProperty('kinds');
  expect(locations[1]?.location.message.text).toBe('2 a: y, throws oh');
});

test('what a message would take for a placeholder or a link is written so that it is none', () => {
  const [result] = resultOf('refuted', 'proved', {
    ...lost,
    violation: '{0} is [here](x)',
    steps: [step('', 'memory', '', [['c', { a: [1] }]])],
  });
  expect(result?.message.text).toContain('{{0}} is [here] (x)');
  expect(result?.codeFlows?.[0]?.threadFlows[0]?.locations[0]?.state['c']).toEqual({ text: '{{a: [1]}}' });
});

describe('sources', () => {
  const withSource = (path: string) => runOf([judged], { sources: { [report.model]: path } }).results[0];

  test('are places below the root of the repository, for the result and for each step', () => {
    const place = { artifactLocation: { uri: 'packages/a%20b/models.ts', uriBaseId: '%SRCROOT%' }, region: { startLine: 1 } };
    const result = withSource('packages/a b/models.ts');
    expect(result?.locations[0]?.physicalLocation).toEqual(place);
    expect(result?.codeFlows?.[0]?.threadFlows[0]?.locations[0]?.location.physicalLocation).toEqual(place);
    expect(runOf([judged], { sources: { another: 'x.ts' } }).results[0]?.locations[0]).not.toHaveProperty('physicalLocation');
  });

  test.each(['/x.ts', 'C:\\x.ts', 'c:/x.ts', 'file:///x.ts', '../x.ts', 'a/../../x.ts', '\\\\server\\x.ts', ''])('%j is none', (path) => {
    expect(() => withSource(path)).toThrow(ModelError);
    expect(() => withSource(path)).toThrow(JSON.stringify(path));
  });
});

test('whatever is in it, texts are not empty and steps are in order', () => {
  fc.assert(
    fc.property(anyText, anyCounterexample, (property, counterexample) => {
      const made: Report = {
        model: counterexample.model,
        coverage: complete,
        verdicts: [{ property, outcome: 'refuted', counterexample }],
      };
      const { results } = runOf([{ report: made, expected: {} }]);
      expect(JSON.stringify(results)).not.toContain('"text":""');
      const flows = results[0]?.codeFlows?.flatMap(({ threadFlows }) => threadFlows) ?? [];
      const order = flows.flatMap(({ locations }) => locations.map(({ executionOrder }) => executionOrder)).sort((a, b) => a - b);
      expect(order).toEqual(counterexample.steps.map((_, index) => index + 1));
    }),
  );
});
