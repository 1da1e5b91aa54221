// Survivors nobody needs to write a test for: the change makes no difference, or none that anybody may rely on. Each is
// explained in `explained.json`, by what the code says and not by its line number, which moves.
import { matchesGlob } from 'node:path';
import { z } from 'zod';
import { isMissed } from './mutant.ts';
import type { Mutant } from './mutant.ts';

const pattern = z.string().min(1).refine((text) => {
  try {
    return new RegExp(text, 'u').source !== '';
  } catch {
    return false;
  }
}, 'a regular expression');

const explanationSchema = z.strictObject({
  /** Glob below the workspace root. */
  file: z.string().min(1),
  mutator: z.string().optional(),
  /** Regular expressions for the source line, the changed code and what it was changed to. */
  source: pattern.optional(),
  original: pattern.optional(),
  replacement: pattern.optional(),
  reason: z.string().min(10),
}).refine(({ source, original, replacement }) => (source ?? original ?? replacement) !== undefined, 'says which mutants it means: source, original or replacement');

export type Explanation = z.infer<typeof explanationSchema>;

/** Throws ZodError when the text is no list of explanations. */
export function parseExplanations(text: string): Explanation[] {
  return z.array(explanationSchema).parse(JSON.parse(text));
}

export function explains(explanation: Explanation, mutant: Mutant): boolean {
  const { file, mutator, source, original, replacement } = explanation;
  const fits = (expression: string | undefined, text: string) => expression === undefined || new RegExp(expression, 'u').test(text);
  return matchesGlob(mutant.file, file)
    && (mutator === undefined || mutator === mutant.mutator)
    && fits(source, mutant.source)
    && fits(original, mutant.original)
    && fits(replacement, mutant.replacement);
}

export interface Verdicts {
  readonly explained: readonly { readonly mutant: Mutant; readonly reason: string }[];
  readonly unexplained: readonly Mutant[];
  /** Explanations of files that were mutated, which no survivor needs any more. */
  readonly idle: readonly Explanation[];
}

/** Holds what no test noticed against the explanations. The first that fits counts. */
export function judge(mutants: readonly Mutant[], explanations: readonly Explanation[]): Verdicts {
  const missed = mutants.filter(isMissed);
  const explained: { mutant: Mutant; reason: string }[] = [];
  const unexplained: Mutant[] = [];
  const used = new Set<Explanation>();
  for (const mutant of missed) {
    const found = explanations.find((each) => explains(each, mutant));
    if (found === undefined) unexplained.push(mutant);
    else {
      used.add(found);
      explained.push({ mutant, reason: found.reason });
    }
  }
  const files = new Set(mutants.map(({ file }) => file));
  const idle = explanations.filter((each) => !used.has(each) && [...files].some((file) => matchesGlob(file, each.file)));
  return { explained, unexplained, idle };
}
