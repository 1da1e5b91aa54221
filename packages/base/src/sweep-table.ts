// A package's table of calls, swept, and the questions that make it exhaustive: is every call in it, was every resource
// refused, was everything that grew asked for.
import type { SweepReport, SweptCall } from './failure-sweep.ts';
import type { Growth } from './observed-state.ts';
import { callsOfResult, publicCalls } from './public-calls.ts';
import type { AskedInSource } from './resource-scan.ts';

/** By the call's name, with a case in brackets where one call has several: `requestIrq [threaded]`. */
export type SweepTable = Readonly<Record<string, SweptCall>>;

/**
 * Pieces of state with such names grow only with requests for the resource; or without any, and why. In every call, or in
 * those with such names. The first rule that fits counts.
 */
export type GrowthRule = readonly [pieces: RegExp, because: { readonly resource: string } | { readonly none: string }, calls?: RegExp];

export class SweepRun {
  readonly #table: SweepTable;
  readonly #reports = new Map<string, SweepReport>();

  constructor(table: SweepTable) {
    this.#table = table;
  }

  get calls(): string[] {
    return Object.keys(this.#table);
  }

  /** Sweeps one call, once. */
  report(call: string): SweepReport {
    const swept = this.#table[call];
    if (swept === undefined) throw new Error(`${call} is not in the table`);
    const report = this.#reports.get(call) ?? swept(call);
    this.#reports.set(call, report);
    return report;
  }

  /** Public calls, also those of what calls return, that have no row; and rows that are no call. */
  uncovered(exports: Readonly<Record<string, unknown>>, instances: readonly object[]): { missing: string[]; unknown: string[] } {
    const offered = publicCalls(exports, instances);
    const returned = this.calls.flatMap((call) => callsOfResult(withoutCase(call), this.report(call).result, exports));
    const rows = new Set(this.calls.map(withoutCase));
    const all = new Set([...offered, ...returned]);
    return { missing: [...all].filter((call) => !rows.has(call)), unknown: [...rows].filter((row) => !all.has(row)) };
  }

  /** Resources that were asked for and never refused, and places in the sources whose resource was never refused. */
  neverRefused(sources: readonly AskedInSource[], namedAtRunTime: Readonly<Record<string, RegExp>> = {}): string[] {
    const reports = this.calls.map((call) => this.report(call));
    const refused = new Set(reports.flatMap(({ requests }) => requests));
    const asked = new Set(reports.flatMap((report) => [...report.asked]));
    const places = sources.filter(({ at, names }) => {
      const looksLike = names ?? namedAtRunTime[at.replace(/:\d+$/, '')];
      return looksLike === undefined || ![...refused].some((resource) => looksLike.test(resource));
    });
    return [...[...asked].filter((resource) => !refused.has(resource)), ...places.map(({ at }) => at)];
  }

  /** What grew in a call without being asked for, and rules that nothing needs. */
  unasked(rules: readonly GrowthRule[]): { grown: string[]; idle: string[] } {
    const used = new Set<GrowthRule>();
    const grown = this.calls.flatMap((call) => unbacked(call, this.report(call), rules, used).map((piece) => `${call}: ${piece}`));
    return { grown, idle: rules.filter((rule) => !used.has(rule)).map(([pieces]) => String(pieces)) };
  }
}

function unbacked(call: string, { growth, requests }: SweepReport, rules: readonly GrowthRule[], used: Set<GrowthRule>): string[] {
  const count = (resource: string) => requests.filter((each) => each === resource).length;
  return alike(growth).flatMap(({ name, by }) => {
    const ids = /^ids\/(.*)\/count$/.exec(name)?.[1];
    const rule = rules.find(([pieces, , calls]) => pieces.test(name) && calls?.test(call) !== false);
    if (rule !== undefined) used.add(rule);
    const because = rule?.[1] ?? { resource: ids ?? '' };
    return 'none' in because || by <= count(because.resource) ? [] : [`${name} by ${by}`];
  });
}

/** Pieces whose names differ in numbers only, as one; an id allocator's bitmaps come with its count. */
function alike(growth: readonly Growth[]): Growth[] {
  const found = new Map<string, Growth>();
  for (const { name, by } of growth) {
    if (/^new ids\/.*\/bitmap\d+$/.test(name)) continue;
    const kind = name.replace(/\d+/g, '#');
    found.set(kind, { name, by: by + (found.get(kind)?.by ?? 0) });
  }
  return [...found.values()];
}

function withoutCase(call: string): string {
  return call.replace(/ \[.*\]$/, '');
}
