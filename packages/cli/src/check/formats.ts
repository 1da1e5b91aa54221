// Results for other programs: JSON, SARIF, JUnit.
import { relative, resolve, sep } from 'node:path';
import { judgementText, junit, reportsJson, sarif } from '@siov/explore';
import { conclude, isMet, judgedOf } from './conclusion.ts';
import type { Checked } from './conclusion.ts';

export type Format = 'json' | 'sarif' | 'junit';

export function formatted(format: Format, all: readonly Checked[], version: string): string {
  if (format === 'json') return json(all);
  const judged = all.flatMap((checked) => (checked.report === null ? [] : [judgedOf(checked, checked.report)]));
  return format === 'junit' ? junit(judged) : sarif(judged, { version, sources: sourcesOf(all) });
}

/** Fields of `report` are those of Report; values of cells are coded as in trace files. */
function json(all: readonly Checked[]): string {
  const checks = all.map((checked) => {
    const { subject, report, error } = checked;
    const conclusion = conclude(checked);
    const { reports } = report === null ? { reports: [null] } : (JSON.parse(reportsJson([report])) as { readonly reports: readonly unknown[] });
    return {
      name: subject.recipe.name,
      scenario: subject.scenario,
      design: subject.design,
      window: subject.window,
      vmm: subject.how,
      shows: subject.shows,
      expectedRefuted: subject.refuted,
      verdict: conclusion.kind,
      asExpected: isMet(conclusion),
      refuted: conclusion.groups,
      unexpected: conclusion.surprises.map((each) => `${each.property}: ${judgementText(each)}`),
      error,
      report: reports[0],
    };
  });
  return `${JSON.stringify({ kind: 'siov check', version: 1, asExpected: checks.every(({ asExpected }) => asExpected), checks }, null, 2)}\n`;
}

/** Of modules below the folder that the command runs in, which is the repository where a code host runs it. */
function sourcesOf(all: readonly Checked[]): Readonly<Record<string, string>> {
  const own = all.flatMap(({ subject: { recipe } }): [string, string][] => {
    if (recipe.module === null) return [];
    const path = relative(process.cwd(), resolve(recipe.module)).split(sep).join('/');
    return path.startsWith('../') || path.startsWith('/') ? [] : [[recipe.name, path]];
  });
  return Object.fromEntries(own);
}
