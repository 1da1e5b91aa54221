// What goes between the test and the child program of a mutant: the mutant in, a line of JSON out.
import type { Mutant } from './mutant.ts';

/** What the child found out. */
export interface Found {
  /** Properties that were refuted; none: the mutant was not noticed. */
  readonly refuted: readonly string[];
  readonly violation: string;
  /** Of the counterexample of the first of them, shortened. A turn: consecutive steps of one agent. */
  readonly steps: number;
  readonly turns: number;
  /** Of the search. */
  readonly seconds: number;
  /** Everything was searched. */
  readonly complete: boolean;
}

export function mutantOfArguments(argv: readonly string[]): Mutant {
  const text = argv.at(-1);
  if (argv.length < 3 || text === undefined) throw new RangeError('the last argument is a mutant, as JSON');
  return JSON.parse(text) as Mutant;
}
