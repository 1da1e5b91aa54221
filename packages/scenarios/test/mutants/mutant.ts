// What a mutant is: a mistake that a person could make in one line, as data.
import { fileURLToPath } from 'node:url';

export interface Mutant {
  readonly name: string;
  /** From the repository's root. */
  readonly file: string;
  /** The exact text, which is in the file once, and what stands there instead. */
  readonly from: string;
  readonly to: string;
  /** The check that finds it: a name by nameOf(). The cheapest that does. */
  readonly check: string;
  /** Groups of the properties that may be refuted first: `I1` of `I1, entry 0`. */
  readonly finds: string | readonly string[];
  readonly why: string;
}

/** With a slash at its end. */
export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url));

export function timesIn(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** `I1, entry 0` is of the group `I1`. */
export function groupOf(property: string): string {
  return property.split(',', 1)[0] ?? property;
}
