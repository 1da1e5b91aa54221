// What the checker can find, each under a code that a message, a test and the README share.

export const CODES = {
  L1: 'imports a package that is not on the row: upward, sideways or skipped',
  L2: 'imports a subpath that the package does not export',
  L3: 'a path that leaves the package',
  L4: 'imports what package.json does not declare',
  L5: 'run-time code uses what exists only for development',
  L6: 'an imports map or a tsconfig reaches another package under another name',
  L7: 'imports something computed, which no reader can check',
  M1: 'package.json declares a workspace package that is not on the row',
  M2: 'package.json gives a workspace package another name or a path',
  M3: 'package.json takes a workspace package from the registry',
  U1: 'package.json declares a workspace package that no code imports',
  S1: 'a source file that does not parse, so its imports are unknown',
} as const;

export type Code = keyof typeof CODES;

/** A judgement without a place: what the pure judges return. `undefined` means the rule is kept. */
export interface Finding {
  readonly code: Code;
  readonly message: string;
}

export type Verdict = Finding | undefined;

/** A finding at its place. `file` is relative to the workspace root, `line` and `column` count from 1. */
export interface Violation extends Finding {
  readonly package: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly specifier?: string;
}

/** The declaration itself is broken, so there is nothing to judge against. Carries every problem, not the first. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[]) {
    super(`${file}: ${problems.length === 1 ? problems[0] : `${problems.length} problems\n  ${problems.join('\n  ')}`}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
