// JSON as people write it in package.json and tsconfig.json: with comments and trailing commas in the latter, and with a
// place for every key, so that a violation in a manifest has a line too. The JavaScript parser reads both: JSON is an expression.
import { parseSync } from 'oxc-parser';
import type { Expression, ObjectExpression } from 'oxc-parser';
import { positions } from './text-position.ts';
import type { Position } from './text-position.ts';

export interface JsonSource {
  readonly value: unknown;
  /** Where the value under these keys is written; the nearest written parent where it is not. */
  at(...path: readonly string[]): Position;
}

/** Throws a SyntaxError with a sentence on anything that is not JSON with comments, and on a key given twice. */
export function readJsonSource(text: string): JsonSource {
  const source = text.charCodeAt(0) === 0xfeff ? ` ${text.slice(1)}` : text;
  const result = parseSync('source.js', `(${source}\n)`, { lang: 'js', sourceType: 'script', preserveParens: false });
  const [statement, ...rest] = result.program.body;
  const fault = result.errors[0];
  if (fault !== undefined) throw new SyntaxError(`not JSON: ${fault.message}`);
  if (statement?.type !== 'ExpressionStatement' || rest.length > 0) throw new SyntaxError('not JSON: more than one value');
  const offsets = new Map<string, number>();
  const value = evaluate(statement.expression, [], offsets);
  const position = positions(source);
  return {
    value,
    at: (...path) => position(nearest(offsets, path)),
  };
}

// The offsets are those of the text inside the added parenthesis.
function evaluate(node: Expression, path: readonly string[], offsets: Map<string, number>): unknown {
  if (!offsets.has(path.join('\0'))) offsets.set(path.join('\0'), node.start - 1);
  if (node.type === 'Literal' && !('regex' in node) && !('bigint' in node)) return node.value;
  if (node.type === 'UnaryExpression' && node.operator === '-' && node.argument.type === 'Literal') return -Number(node.argument.value);
  if (node.type === 'ObjectExpression') return evaluateObject(node, path, offsets);
  if (node.type === 'ArrayExpression') {
    return node.elements.map((element, index) => {
      if (element === null || element.type === 'SpreadElement') throw new SyntaxError(`not JSON: array under ${path.join('.') || 'the top'}`);
      return evaluate(element, [...path, String(index)], offsets);
    });
  }
  throw new SyntaxError(`not JSON: ${node.type} under ${path.join('.') || 'the top'}`);
}

function evaluateObject(node: ObjectExpression, path: readonly string[], offsets: Map<string, number>): Record<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const property of node.properties) {
    if (property.type !== 'Property' || property.key.type !== 'Literal' || typeof property.key.value !== 'string') {
      throw new SyntaxError(`not JSON: a key under ${path.join('.') || 'the top'} is no string`);
    }
    const key = property.key.value;
    // JSON.parse would let the second one win in silence, and with it a second row of the same package.
    if (entries.has(key)) throw new SyntaxError(`key "${key}" is given twice under ${path.join('.') || 'the top'}`);
    offsets.set([...path, key].join('\0'), property.key.start - 1);
    entries.set(key, evaluate(property.value, [...path, key], offsets));
  }
  return Object.fromEntries(entries);
}

function nearest(offsets: ReadonlyMap<string, number>, path: readonly string[]): number {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsets.get(path.slice(0, length).join('\0'));
    if (offset !== undefined) return offset;
  }
  return 0;
}
