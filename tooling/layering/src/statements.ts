// Handing a whole syntax tree over costs more than parsing it. Most files name modules only in import and export
// statements, whose places the parser tells without a tree: then a tree of these statements alone is enough.
import { parseSync } from 'oxc-parser';
import type { ParseResult, Program } from 'oxc-parser';

// What can name a module without the word `import`; an escape could spell any of them.
const OTHER_WAYS = /require|\bmodule\b|\b(?:vi|vitest|jest)\b|\\u/i;
// `export {} from 'x'`: the parser's list leaves it out, though it loads x. Only blanks and comments can stand in between.
const EMPTY_EXPORT = /\{(?:\s|\/\/.*|\/\*[^]*?\*\/)*\}(?:\s|\/\/.*|\/\*[^]*?\*\/)*from\b/;

/** A tree that holds every import of the file, each at its place; as small as is safe. */
export function importTree(file: string, text: string, whole: ParseResult): Program {
  const { staticImports, staticExports } = whole.module;
  // Every import statement has the word once. Where it occurs once more, be it in a comment, look at everything.
  const words = text.match(/\bimport\b/g)?.length ?? 0;
  if (words !== staticImports.length || OTHER_WAYS.test(text) || EMPTY_EXPORT.test(text)) return whole.program;
  const sources = staticExports.filter(({ entries }) => entries.some(({ moduleRequest }) => moduleRequest !== null));
  const spans = [...staticImports, ...sources].sort((a, b) => a.start - b.start);
  let kept = '';
  for (const { start, end } of spans) kept = `${kept.padEnd(start)}${text.slice(start, end)};`;
  return parseSync(file, kept, { preserveParens: false }).program;
}
