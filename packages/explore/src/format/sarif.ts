// SARIF 2.1.0, which code hosts and editors read: a rule a property, a result for each outcome that is not the expected, its
// schedule as a code flow. https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, sections as "3.x".
import { ModelError } from '@siov/base';
import type { PointKind } from '@siov/base';
import type { CellValue, Counterexample, ScheduleStep } from '../report.ts';
import { unexpected, judge, judgementText } from './judged.ts';
import type { JudgedReport, Judgement } from './judged.ts';
import { printable } from './line.ts';
import type { Json } from './plain-json.ts';
import { firstState } from './states.ts';
import { extent } from './text.ts';
import { valueText } from './value.ts';
import { coverageText } from './verdict.ts';

export interface SarifOptions {
  /** Of the tool. */
  readonly version?: string;
  /** By the name of the model: the file it is written in, relative to the repository's root. Code hosts show no result without one. */
  readonly sources?: Readonly<Record<string, string>>;
}

type JsonRecord = { readonly [field: string]: Json };

/** The text of the log: one run. Throws ModelError on a source that is not a relative path. */
export function sarif(reports: readonly JudgedReport[], options: SarifOptions = {}): string {
  const { version, sources = {} } = options;
  const rules = [...new Set(reports.flatMap((judged) => judge(judged).map(({ property }) => property)))];
  const results = reports.flatMap((judged) => {
    const { model } = judged.report;
    const place = Object.hasOwn(sources, model) ? placeOf(sources[model] as string) : {};
    return unexpected(judged).map((judgement) => resultOf(judged, judgement, rules.indexOf(judgement.property), place));
  });
  const driver = {
    name: '@siov/explore',
    ...(version === undefined ? {} : { version }),
    rules: rules.map((property) => ({ id: property, shortDescription: message(property), defaultConfiguration: { level: 'error' } })),
  };
  const run = { tool: { driver }, columnKind: 'utf16CodeUnits', results };
  return `${JSON.stringify({ version: '2.1.0', $schema: 'https://json.schemastore.org/sarif-2.1.0.json', runs: [run] }, null, 2)}\n`;
}

/** A path with `..` may leave the repository, one from the root or a drive names the machine. */
function placeOf(path: string): JsonRecord {
  const parts = path.split(/[\\/]/u);
  if (path === '' || parts[0] === '' || parts.includes('..') || /^[a-z][a-z0-9+.-]*:/iu.test(path)) {
    throw new ModelError(`source ${JSON.stringify(path)} is not a path below the repository's root`);
  }
  const uri = parts.map((part) => encodeURIComponent(part)).join('/');
  return { physicalLocation: { artifactLocation: { uri, uriBaseId: '%SRCROOT%' }, region: { startLine: 1 } } };
}

function resultOf({ report }: JudgedReport, judgement: Judgement, ruleIndex: number, place: JsonRecord): JsonRecord {
  const { property, expected, verdict } = judgement;
  const counterexample = verdict?.counterexample ?? null;
  return {
    ruleId: property,
    ruleIndex,
    level: verdict?.outcome === 'not refuted' ? 'warning' : 'error',
    message: message(`${report.model}: ${judgementText(judgement)}`),
    locations: [{ ...place, logicalLocations: [{ name: report.model, kind: 'module' }] }],
    // Who compares two logs goes by what is broken, not by where (3.27.17).
    partialFingerprints: { 'modelAndProperty/v1': JSON.stringify([report.model, property]) },
    ...(counterexample === null || counterexample.steps.length === 0 ? {} : { codeFlows: [codeFlowOf(counterexample, place)] }),
    properties: { expected, outcome: verdict?.outcome ?? null, coverage: coverageText(report.coverage) },
  };
}

/** A thread flow is one thread's path (3.37); `executionOrder`, from 1, interleaves them (3.38.11). */
function codeFlowOf(counterexample: Counterexample, place: JsonRecord): JsonRecord {
  const { steps } = counterexample;
  const first = firstState(steps);
  const changing = cellsOf(steps.map(({ writes }) => writes));
  const agents = [...new Set(steps.map(({ agent }) => agent))];
  return {
    message: message(extent(counterexample)),
    threadFlows: agents.map((agent) => {
      const own = cellsOf(steps.flatMap((step) => (step.agent === agent ? [step.reads, step.writes] : [])));
      return {
        id: agent,
        message: message(agent),
        // What stays the same is no state to watch (3.37.4).
        initialState: valuesOf([...first].filter(([cell]) => own.has(cell) && changing.has(cell))),
        locations: steps.flatMap((step, index) => (step.agent === agent ? [flowLocation(step, index, counterexample, place)] : [])),
      };
    }),
  };
}

function cellsOf(accesses: readonly (readonly { readonly cell: string }[])[]): ReadonlySet<string> {
  return new Set(accesses.flat().map(({ cell }) => cell));
}

function flowLocation(step: ScheduleStep, index: number, { steps }: Counterexample, place: JsonRecord): JsonRecord {
  const { agent, kind, what, reads, writes, threw } = step;
  const state = [
    ...reads.map(({ cell, value }): [string, CellValue] => [cell, value]),
    ...writes.map(({ cell, after }): [string, CellValue] => [cell, after]),
  ];
  return {
    location: {
      ...place,
      logicalLocations: [{ name: agent, kind: 'function' }],
      message: message(`${index + 1} ${agent}: ${what}${threw === undefined ? '' : `, throws ${threw}`}`),
    },
    ...(KINDS[kind] === undefined ? {} : { kinds: KINDS[kind] }),
    state: valuesOf(state),
    executionOrder: index + 1,
    importance: index === steps.length - 1 ? 'essential' : 'important',
  };
}

/** The format's own words (3.38.8), where it has one. */
const KINDS: Readonly<Partial<Record<PointKind, readonly string[]>>> = {
  lock: ['acquire', 'lock'],
  unlock: ['release', 'lock'],
  memory: ['memory'],
  trap: ['call'],
  return: ['return'],
};

function valuesOf(values: readonly (readonly [string, CellValue])[]): JsonRecord {
  return Object.fromEntries(values.map(([cell, value]) => [printable(cell), message(valueText(value))]));
}

/** Braces are placeholders (3.11.5), a bracket before a parenthesis is a link (3.11.6), and an empty text is none (3.11.8). */
function message(text: string): JsonRecord {
  const noPlaceholder = printable(text).replaceAll(/[{}]/gu, (brace) => brace + brace);
  const escaped = noPlaceholder.replaceAll('](', '] (');
  return { text: escaped === '' ? '(empty)' : escaped };
}
