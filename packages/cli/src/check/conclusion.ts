// What came of a check, held against what was expected of it.
import { unexpected } from '@siov/explore';
import type { Counterexample, JudgedReport, Judgement, Outcome, Report } from '@siov/explore';
import type { Subject } from './subject.ts';

/** `report` null: it was not run, or ended with `error`. */
export interface Checked {
  readonly subject: Subject;
  readonly report: Report | null;
  readonly error: string | null;
}

/** `proved`: all of it. `refuted`: what was to be refuted, and nothing else. */
export type Kind = 'proved' | 'refuted' | 'unexpected' | 'incomplete' | 'failed' | 'not run';

export interface Conclusion {
  readonly kind: Kind;
  /** Groups of properties that are refuted. */
  readonly groups: readonly string[];
  readonly surprises: readonly Judgement[];
}

/** `I1` of `I1, entry 0`. */
export function groupOf(property: string): string {
  return property.split(',')[0] ?? property;
}

export function isMet({ kind }: Conclusion): boolean {
  return kind === 'proved' || kind === 'refuted';
}

export function conclude(checked: Checked): Conclusion {
  const { report, error } = checked;
  if (report === null) return { kind: error === null ? 'not run' : 'failed', groups: [], surprises: [] };
  const groups = [...new Set(refutedOf(report).map(({ property }) => groupOf(property)))].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const surprises = unexpected(judgedOf(checked, report));
  const open = ({ verdict }: Judgement) => !report.coverage.complete && verdict?.outcome !== 'refuted';
  if (surprises.some((each) => !open(each))) return { kind: 'unexpected', groups, surprises };
  if (!report.coverage.complete) return { kind: 'incomplete', groups, surprises };
  return { kind: groups.length === 0 ? 'proved' : 'refuted', groups, surprises };
}

/**
 * A group that is to be refuted is, when one property of it is; which of them are is not said before. Of one that is not, the
 * first property is the one that is missed.
 */
export function judgedOf({ subject }: Checked, report: Report): JudgedReport {
  const expected: Record<string, Outcome> = { ...subject.expected };
  for (const group of subject.refuted) {
    const members = report.verdicts.filter(({ property }) => groupOf(property) === group);
    const met = members.some(({ outcome }) => outcome === 'refuted');
    if (met) for (const { property, outcome } of members) expected[property] = outcome;
    else expected[members[0]?.property ?? group] = 'refuted';
  }
  return { report, expected };
}

export function refutedOf(report: Report): { readonly property: string; readonly counterexample: Counterexample }[] {
  return report.verdicts.flatMap(({ property, counterexample }) => (counterexample === null ? [] : [{ property, counterexample }]));
}

export interface Shown {
  readonly subject: Subject;
  readonly counterexample: Counterexample;
  readonly surprising: boolean;
}

/** The review's own example: an interrupt that an id authorised which its owner did not mean. */
const FIRST = 'I3';

/**
 * Every counterexample, the one to be read first in front: of what nobody expected, else of I3, else the shortest. What is broken
 * where the model starts tells no story.
 */
export function counterexamples(all: readonly Checked[]): Shown[] {
  const shown = all.flatMap((checked): Shown[] => {
    const { subject, report } = checked;
    if (report === null) return [];
    const surprises = new Set(conclude(checked).surprises.map(({ property }) => property));
    return refutedOf(report).map(({ property, counterexample }) => ({ subject, counterexample, surprising: surprises.has(property) }));
  });
  const rank = ({ surprising, counterexample, subject }: Shown) => {
    if (surprising) return 0;
    if (groupOf(counterexample.property) === FIRST) return 1;
    return subject.design === 'v6' ? 2 : 3;
  };
  const length = ({ counterexample: { steps } }: Shown) => (steps.length === 0 ? Infinity : steps.length);
  return shown.toSorted((a, b) => rank(a) - rank(b) || Math.sign(length(a) - length(b)) || 0);
}
