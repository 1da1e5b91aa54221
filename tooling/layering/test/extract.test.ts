import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extractImports } from '../src/index.ts';

function extract(text: string, file = 'x.ts'): string[] {
  return extractImports(file, text).imports.map(({ kind, specifier }) => `${kind} ${specifier ?? '(computed)'}`);
}

describe('what is an import', () => {
  test('in the order of the file, each at the place of its name', () => {
    const text = "import a from 'a';\nexport * from 'b';\nconst c = import('c');\n";
    const { imports } = extractImports('x.ts', text);
    expect(imports.map(({ specifier, offset }) => [specifier, text.slice(offset, offset + 3)])).toEqual([['a', "'a'"], ['b', "'b'"], ['c', "'c'"]]);
  });

  test('a name written with escapes is the name', () => {
    expect(extract(String.raw`import '\u0061'; import("\x62"); requ\u0069re('c');`)).toEqual(['side-effect a', 'dynamic b', 'require c']);
  });

  test('words in strings, comments and templates are none', () => {
    expect(extract("// import 'a'\n/* require('b') */ const s = `import 'c'`; const t = \"import('d')\";")).toEqual([]);
  });

  test('triple slash: path, types, and more than one attribute; lib names no file', () => {
    expect(extract('/// <reference path="a.d.ts" />\n/// <reference types="b" />\n/// <reference lib="es2023" />\n// <reference path="c" />\n')).toEqual(['reference-path ./a.d.ts', 'reference-types b']);
  });

  test('module declarations: an augmentation is one, a wildcard and a namespace are none', () => {
    expect(extract("declare module 'a' {}\ndeclare module '*.svg' {}\ndeclare global {}\nnamespace N {}", 'x.d.ts')).toEqual(['augmentation a']);
  });

  test('in TSX, CommonJS and plain modules', () => {
    expect(extract("import a from 'a'; const b = <p>{import('b')}</p>;", 'x.tsx')).toEqual(['static a', 'dynamic b']);
    expect(extract("module.exports = require('a'); module.require('b');", 'x.cjs')).toEqual(['require a', 'require b']);
    expect(extract("import a from 'a' with { type: 'json' };", 'x.mjs')).toEqual(['static a']);
  });

  test('a phase of import', () => {
    expect(extract("import.source('a'); import defer * as b from 'b';")).toEqual(['dynamic a', 'static b']);
  });

  test('mocks', () => {
    expect(extract("vi.mock('a', () => ({})); vi.mock(import('b')); jest.requireActual('c'); vi.fn('d'); other.mock('e');")).toEqual(['mock a', 'dynamic b', 'mock c']);
  });
});

describe('the short cut for files with nothing but statements', () => {
  const STATEMENTS = [
    "import a from 'a'", "import 'b'", "import type { C } from 'c'", "import { type D } from 'd'", "export { e } from 'e'", "export * as f from 'f'",
    "export {} from 'g'", "export type { /* } */ } /**/ // from\n from 'g2'", "export type { H } from 'h'", "const i = 1", "export const j = '\u00e9'", "export default 2", "/* \u{1f600} */ let k", "export { k }",
    "const l = import('l')", "type M = import('m').M", "export function n(p: typeof import('n')) {}", "/// <reference types=\"o\" />",
    "export {\n  p,\n} from 'p' // why", "import q from 'q' with { type: 'json' }", "export * from 'r'; import s from 's'",
  ];

  test('finds what the whole tree shows, at the same places', () => {
    fc.assert(fc.property(fc.shuffledSubarray(STATEMENTS), fc.constantFrom('\n', ';\n', '\r\n'), (lines, end) => {
      const text = `${lines.join(end)}${end}`;
      // The word in a comment rules the short cut out.
      expect(extractImports('x.ts', text)).toEqual(extractImports('x.ts', `${text}// import\n`));
    }), { numRuns: 300 });
  });
});

describe('createRequire', () => {
  const FROM_MODULE = "import { createRequire } from 'node:module';\n";
  const calls = (text: string): string[] => extract(text).filter((line) => line.startsWith('re'));

  test.each([
    `${FROM_MODULE}const require = createRequire(import.meta.url); require('a');`,
    `${FROM_MODULE}const load = createRequire(import.meta.url); load('a');`,
    `${FROM_MODULE}createRequire(import.meta.url)('a');`,
    "import { createRequire as make } from 'node:module'; make(here)('a');",
    "import { 'createRequire' as make } from 'module'; const load = make(here); load('a');",
    "import module from 'node:module'; module.createRequire(here)('a');",
    "import * as m from 'node:module'; const load = m['createRequire'](here); load('a');",
    "const { createRequire: make } = await import('node:module'); make(here)('a');",
    "const { createRequire } = process.getBuiltinModule('module'); const load = createRequire(here); load?.('a');",
  ])('is followed: %s', (text) => {
    expect(calls(text)).toEqual(['require a']);
  });

  test('resolving is finding', () => {
    expect(calls(`${FROM_MODULE}createRequire(here).resolve('a'); const load = createRequire(here); load.resolve('b');`)).toEqual(['resolve a', 'resolve b']);
  });

  test.each([
    `${FROM_MODULE}hand(createRequire(here));`,
    `${FROM_MODULE}let load; load = createRequire(here); load('a');`,
    `${FROM_MODULE}const make = createRequire; make(here)('a');`,
    `${FROM_MODULE}export { createRequire };`,
    "import module from 'node:module'; hand(module.createRequire);",
    "const load = require as Loader; load('a');",
    "export const tools = { require };",
  ])('where it is lost, it counts as computed: %s', (text) => {
    expect(calls(text)).toEqual(['require (computed)']);
  });

  test.each([
    "function require(fact: boolean) {} require(isDry);",
    "import { require } from './assert.ts'; require(isDry);",
    "const check = (require: (x: string) => void) => require(name);",
    "type Check = (require: boolean) => void; interface R { require: boolean; require(): void }",
    "const options = { require: true }; options.require; class R { require = 1 } plan.require('a');",
    "type Load = typeof require; if (typeof require === 'function') {}",
    "require.cache; require.main === module;",
  ])('a word of the language it is not: %s', (text) => {
    expect(calls(text)).toEqual([]);
  });
});
