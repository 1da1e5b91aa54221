// A mutant: one small change of the source, and whether a test noticed.

export interface Mutant {
  /** Path below the workspace root. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What kind of change: `ConditionalExpression`, `StringLiteral` (the names are Stryker's). */
  readonly mutator: string;
  /** The source line, trimmed. */
  readonly source: string;
  /** The code that was changed, and what it was changed to. */
  readonly original: string;
  readonly replacement: string;
  /** `Killed` and `Timeout`: noticed. `Survived`, `NoCoverage`: not. Others could not be tried, and count neither way. */
  readonly status: string;
}

interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

export const isFound = ({ status }: Mutant): boolean => status === 'Killed' || status === 'Timeout';
export const isMissed = ({ status }: Mutant): boolean => status === 'Survived' || status === 'NoCoverage';

/** The first line a place touches, and the text it covers. The end is exclusive. */
export function textAt(text: string, { start, end }: { readonly start: Place; readonly end: Place }): { source: string; original: string } {
  const lines = text.split('\n').slice(start.line - 1, end.line);
  const source = (lines[0] ?? '').trim();
  const last = lines.length - 1;
  lines[last] = (lines[last] ?? '').slice(0, end.column - 1);
  lines[0] = (lines[0] ?? '').slice(start.column - 1);
  return { source, original: lines.join('\n') };
}
