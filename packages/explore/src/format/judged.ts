// Reports beside what was expected of them: a property that is there to be refuted is as unexpected when it is proved.
import type { Outcome, PropertyVerdict, Report } from '../report.ts';

export interface JudgedReport {
  readonly report: Report;
  /** By the name of the property. One that is not named here is expected to be proved. */
  readonly expected: Readonly<Record<string, Outcome>>;
}

export interface Judgement {
  readonly property: string;
  readonly expected: Outcome;
  /** Null: it was expected, and the report does not know it, perhaps because it was renamed. */
  readonly verdict: PropertyVerdict | null;
  readonly met: boolean;
}

/** Of every property that the report has or that is expected. What is proved is not refuted, too. */
export function judge({ report, expected }: JudgedReport): Judgement[] {
  const known = new Set(report.verdicts.map(({ property }) => property));
  return [
    ...report.verdicts.map((verdict): Judgement => {
      const { property, outcome } = verdict;
      const hoped = Object.hasOwn(expected, property) ? (expected[property] as Outcome) : 'proved';
      return { property, expected: hoped, verdict, met: outcome === hoped || (outcome === 'proved' && hoped === 'not refuted') };
    }),
    ...Object.entries(expected).flatMap(([property, hoped]): Judgement[] =>
      known.has(property) ? [] : [{ property, expected: hoped, verdict: null, met: false }],
    ),
  ];
}

export function unexpected(judged: JudgedReport): Judgement[] {
  return judge(judged).filter(({ met }) => !met);
}

/** One sentence: `refuted, expected to be proved: two hold the lock`. */
export function judgementText({ expected, verdict }: Judgement): string {
  if (verdict === null) return `not in the report, expected to be ${expected}`;
  const { outcome, counterexample } = verdict;
  const violation = counterexample === null ? '' : `: ${counterexample.violation}`;
  return `${outcome}, expected to be ${expected}${violation}`;
}
