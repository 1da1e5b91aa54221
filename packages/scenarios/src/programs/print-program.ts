// A program as text that can be pasted into a test.
import type { Operation, Program } from './operation.ts';
import { TABLES } from './tables.ts';
import type { Tables } from './tables.ts';

/** A call of {@link runProgram} that does the same; `why` becomes a comment. */
export function printProgram(program: Program, tables: Tables, why: readonly string[] = []): string {
  const known = TABLES.indexOf(tables);
  const options = `{ tables: ${known < 0 ? literal(tables) : `TABLES[${known}]`} }`;
  const comments = why.map((sentence) => `// ${sentence}\n`).join('');
  return `${comments}runProgram([\n${program.map((operation) => `  ${printOperation(operation)},\n`).join('')}], ${options});`;
}

export function printOperation(operation: Operation): string {
  return literal(operation);
}

/** Of plain data: numbers, strings, booleans, lists, records. */
function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value).map(([key, each]) => `${key}: ${literal(each)}`).join(', ')} }`;
}
