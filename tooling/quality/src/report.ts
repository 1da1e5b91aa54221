// What a mutation run says: the score, the survivors with their reasons, and last those that have none.
import type { Verdicts } from './explained.ts';
import { isFound, isMissed } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** Noticed mutants in per cent of those that could be tried. 100 when there were none. */
export function score(mutants: readonly Mutant[]): number {
  const found = mutants.filter(isFound).length;
  const tried = found + mutants.filter(isMissed).length;
  return tried === 0 ? 100 : (100 * found) / tried;
}

const LONGEST = 70;

function short(code: string): string {
  const line = code.replaceAll(/\s+/gu, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

function where(mutant: Mutant): string {
  const untested = mutant.status === 'NoCoverage' ? ', which no test runs' : '';
  return `${mutant.file}:${mutant.line}: ${short(mutant.original)} -> ${short(mutant.replacement) || 'nothing'} (${mutant.mutator}${untested})`;
}

/** Lines for a terminal. */
export function report(path: string, mutants: readonly Mutant[], { explained, unexplained, idle }: Verdicts): string[] {
  const found = mutants.filter(isFound).length;
  const untried = mutants.length - found - explained.length - unexplained.length;
  const total = mutants.length - untried;
  return [
    `${path}: ${score(mutants).toFixed(1)} % (${found} of ${total} mutants noticed; ${explained.length} survivors explained, ${unexplained.length} not${untried > 0 ? `; ${untried} could not be tried` : ''})`,
    ...explained.map(({ mutant, reason }) => `  explained  ${where(mutant)}: ${reason}`),
    ...unexplained.map((mutant) => `  SURVIVED   ${where(mutant)}`),
    ...idle.map(({ file, reason }) => `  IDLE       an explanation for ${file} explains nothing any more: ${reason}`),
  ];
}
