// Every way in which a TypeScript or JavaScript file names another module.
import { parseSync, Visitor } from 'oxc-parser';
import type { CallExpression, Comment, Expression, NewExpression, VisitorObject } from 'oxc-parser';
import { requireCalls } from './extract-require.ts';
import type { ImportKind } from './judge.ts';
import { textOf } from './literal-text.ts';
import { importTree } from './statements.ts';

export interface Extracted {
  readonly kind: ImportKind;
  readonly specifier: string | null;
  readonly typeOnly: boolean;
  /** Offset into the text, in UTF-16 units. */
  readonly offset: number;
}

export interface Extraction {
  readonly imports: readonly Extracted[];
  /** The first syntax error, if any: then the list of imports may be short. */
  readonly fault?: { readonly message: string; readonly offset: number };
}

export function extractImports(file: string, text: string): Extraction {
  const result = parseSync(file, text, { preserveParens: false });
  const tree = importTree(file, text, result);
  const imports = result.comments.flatMap(references);
  const add = (kind: ImportKind, specifier: string | null, offset: number, typeOnly = false): void => {
    imports.push({ kind, specifier, typeOnly, offset });
  };
  new Visitor({ ...declarations(add), ...expressions(add) }).visit(tree);
  // Most files never say the word; an escape in a name could hide it.
  if (/require|\\u/i.test(text)) imports.push(...requireCalls(tree));
  imports.sort((a, b) => a.offset - b.offset);
  const fault = result.errors[0];
  return fault === undefined ? { imports } : { imports, fault: { message: fault.message, offset: fault.labels[0]?.start ?? 0 } };
}

type Add = (kind: ImportKind, specifier: string | null, offset: number, typeOnly?: boolean) => void;

function declarations(add: Add): VisitorObject {
  return {
    ImportDeclaration({ specifiers, source, importKind }) {
      if (importKind === 'type') add('type', source.value, source.start, true);
      else add(specifiers.length === 0 ? 'side-effect' : 'static', source.value, source.start);
    },
    ExportNamedDeclaration({ source, exportKind }) {
      if (source !== null) add('re-export', source.value, source.start, exportKind === 'type');
    },
    ExportAllDeclaration({ source, exportKind }) {
      add('re-export', source.value, source.start, exportKind === 'type');
    },
    TSImportType({ source }) {
      add('import-type', source.value, source.start, true);
    },
    TSImportEqualsDeclaration({ moduleReference, importKind }) {
      if (moduleReference.type !== 'TSExternalModuleReference') return;
      add('import-equals', moduleReference.expression.value, moduleReference.start, importKind === 'type');
    },
    TSModuleDeclaration({ id }) {
      // `declare module '*.svg'` names no package.
      if (id.type === 'Literal' && !id.value.includes('*')) add('augmentation', id.value, id.start, true);
    },
  };
}

function expressions(add: Add): VisitorObject {
  return {
    ImportExpression({ source }) {
      add('dynamic', textOf(source), source.start);
    },
    CallExpression(node) {
      const [first] = node.arguments;
      const kind = first === undefined ? undefined : calledKind(node);
      // vi.mock(import('x')) is found as a dynamic import already.
      if (kind !== undefined && first !== undefined && first.type !== 'ImportExpression') add(kind, textOf(first), first.start);
    },
    NewExpression(node) {
      const path = fileUrl(node);
      if (path !== null) add('url', path, node.start);
    },
  };
}

const MOCKS = new Set(['mock', 'doMock', 'unmock', 'doUnmock', 'importActual', 'importMock', 'requireActual', 'requireMock', 'unstable_mockModule']);

function calledKind({ callee }: CallExpression): ImportKind | undefined {
  if (callee.type !== 'MemberExpression') return undefined;
  const name = callee.computed ? textOf(callee.property) : callee.property.type === 'Identifier' ? callee.property.name : null;
  if (callee.object.type === 'MetaProperty') return name === 'resolve' ? 'resolve' : undefined;
  const isRunner = callee.object.type === 'Identifier' && ['vi', 'vitest', 'jest'].includes(callee.object.name);
  return isRunner && name !== null && MOCKS.has(name) ? 'mock' : undefined;
}

// `new URL('x', import.meta.url)` is how workers and data files are named; `x` is relative with or without a dot.
function fileUrl({ callee, arguments: [path, base] }: NewExpression): string | null {
  if (callee.type !== 'Identifier' || callee.name !== 'URL' || path === undefined || base === undefined || !isOwnUrl(base)) return null;
  const text = textOf(path);
  return text === null || /^[a-z][\d+.a-z-]*:/i.test(text) ? null : dotted(text);
}

function isOwnUrl(node: Expression | { readonly type: 'SpreadElement' }): boolean {
  return node.type === 'MemberExpression' && node.object.type === 'MetaProperty' && node.property.type === 'Identifier' && node.property.name === 'url';
}

function references({ type, value, start }: Comment): Extracted[] {
  if (type !== 'Line' || !/^\/\s*<(?:reference|amd-dependency)\s/.test(value)) return [];
  return [...value.matchAll(/\s(path|types)\s*=\s*(["'])(.*?)\2/g)].map(([, attribute, , specifier = '']) => ({
    kind: attribute === 'path' ? 'reference-path' : 'reference-types',
    specifier: attribute === 'path' ? dotted(specifier) : specifier,
    typeOnly: true,
    offset: start,
  }));
}

function dotted(path: string): string {
  return /^(?:[/\\]|\.\.?(?:[/\\]|$))/.test(path) ? path : `./${path}`;
}
