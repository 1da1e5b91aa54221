// Where the workspace names a demand: tests by their names, code by its comments.
import { globSync, readFileSync } from 'node:fs';

export interface Place {
  /** Relative to the root of the workspace. */
  readonly file: string;
  readonly line: number;
  /** The test's name, or the line of code. */
  readonly text: string;
}

export interface Evidence {
  readonly tests: readonly Place[];
  readonly code: readonly Place[];
}

/** A test's name as it is written: one literal, first argument of test() or describe(). */
const TEST = /\b(?:test|describe)(?:\.[a-z]+(?:\([^)]*\))?)*\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/gi;
const NUMBER = /\bR(\d{1,2})\b/g;

export function numbersIn(text: string): number[] {
  return [...new Set([...text.matchAll(NUMBER)].map((match) => Number(match[1])))];
}

/** Names of tests in `source` that name a demand. */
export function testsIn(file: string, source: string): Place[] {
  return [...source.matchAll(TEST)].flatMap((match) => {
    const name = (match[1] ?? match[2] ?? match[3] ?? '').replaceAll(/\\(.)/g, '$1');
    if (numbersIn(name).length === 0) return [];
    return [{ file, line: source.slice(0, match.index).split('\n').length, text: name }];
  });
}

/** Lines of code whose comment names a demand. */
export function codeIn(file: string, source: string): Place[] {
  return source.split('\n').flatMap((text, index) => {
    const comment = /(?:\/\/|^\s*\/?\*)(.*)$/.exec(text)?.[1];
    return comment === undefined || numbersIn(comment).length === 0 ? [] : [{ file, line: index + 1, text: comment.trim() }];
  });
}

export function scan(root: string): Map<number, Evidence> {
  const read = (pattern: string) => globSync(pattern, { cwd: root }).sort().map((file) => ({ file, source: readFileSync(`${root}/${file}`, 'utf8') }));
  const tests = read('packages/*/test/**/*.test.ts').flatMap(({ file, source }) => testsIn(file, source));
  const code = read('packages/*/src/**/*.ts').flatMap(({ file, source }) => codeIn(file, source));
  const named = (places: readonly Place[], number: number) => places.filter(({ text }) => numbersIn(text).includes(number));
  return new Map(Array.from({ length: 26 }, (_, index) => [index + 1, { tests: named(tests, index + 1), code: named(code, index + 1) }]));
}
