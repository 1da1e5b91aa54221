// JUnit's XML, which CI servers read: a suite a model, a test case a property, a failure where the outcome is not the expected.
import type { Report } from '../report.ts';
import { judge, judgementText } from './judged.ts';
import type { JudgedReport, Judgement } from './judged.ts';
import { counterexampleText } from './text.ts';
import { coverageText, verdictText } from './verdict.ts';

/** An exploration checks all properties at once: its time is that of the suite, and its cases have none. */
export function junit(reports: readonly JudgedReport[]): string {
  const suites = reports.map((judged) => ({ ...judged, cases: judge(judged) }));
  const cases = suites.flatMap((suite) => suite.cases);
  const seconds = reports.reduce((sum, { report }) => sum + report.coverage.seconds, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: '@siov/explore', ...totals(cases), time: seconds.toFixed(3) })}>`,
    ...suites.flatMap(({ report, cases }) => [
      `  <testsuite${attributes({ name: report.model, ...totals(cases), errors: '0', skipped: '0', time: timeOf(report) })}>`,
      '    <properties>',
      `      <property${attributes({ name: 'coverage', value: coverageText(report.coverage) })}/>`,
      '    </properties>',
      ...cases.flatMap((judgement) => testCase(report.model, judgement)),
      `    <system-out>${escape(verdictText(report))}</system-out>`,
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function timeOf({ coverage }: Report): string {
  return coverage.seconds.toFixed(3);
}

function totals(cases: readonly Judgement[]): { tests: string; failures: string } {
  return { tests: String(cases.length), failures: String(cases.filter(({ met }) => !met).length) };
}

function testCase(model: string, judgement: Judgement): string[] {
  const head = attributes({ name: judgement.property, classname: model });
  if (judgement.met) return [`    <testcase${head}/>`];
  const message = judgementText(judgement);
  const counterexample = judgement.verdict?.counterexample ?? null;
  const body = counterexample === null ? message : counterexampleText(counterexample);
  return [
    `    <testcase${head}>`,
    `      <failure${attributes({ message, type: judgement.verdict?.outcome ?? 'missing' })}>${escape(body)}</failure>`,
    '    </testcase>',
  ];
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escape(value).replaceAll(/[\t\n]/gu, (each) => `&#${each.codePointAt(0)};`)}"`)
    .join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' };

/** What XML 1.0 cannot hold, even as an entity (section 2.2, Char), becomes U+FFFD. */
function escape(text: string): string {
  const held = text.replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}');
  return held.replaceAll(/[&<>"\r]/gu, (each) => ENTITIES[each] as string);
}
