// `require` in all its disguises. It is an ordinary function, so it can be renamed and passed on; whatever this file
// cannot follow to a string literal it reports as computed rather than letting it pass.
import { Visitor } from 'oxc-parser';
import type { CallExpression, Expression, Node, Program, VariableDeclarator, VisitorObject } from 'oxc-parser';
import type { Extracted } from './extract.ts';
import { textOf } from './literal-text.ts';

interface Names {
  /** Names of `createRequire`, which may be imported under another. */
  readonly makers: Set<string>;
  /** Names of what `createRequire` returned, and of the built-in `require`. */
  readonly loaders: Set<string>;
}

export function requireCalls(program: Program): Extracted[] {
  const names = namesIn(program);
  const followed = new Set<Node>();
  const found: Extracted[] = [];
  const add = (kind: 'require' | 'resolve', specifier: string | null, offset: number): void => {
    found.push({ kind, specifier, typeOnly: false, offset });
  };
  new Visitor({
    ...namesOnly(followed),
    CallExpression(node) {
      const kind = loaderCall(node, names, followed);
      const [first] = node.arguments;
      if (kind !== undefined) add(kind, first === undefined ? null : textOf(first), node.start);
    },
    VariableDeclarator(node) {
      followed.add(node.id);
      if (isMakerCall(node.init, names) && node.id.type === 'Identifier') follow(node.init, followed);
    },
    MemberExpression(node) {
      if (!node.computed) followed.add(node.property);
      // require.cache and require.main load nothing.
      if (!node.computed && isLoader(node.object, names) && ['cache', 'main', 'extensions'].includes(node.property.name)) followed.add(node.object);
      if (isMaker(node, names) && !followed.has(node)) add('require', null, node.start);
    },
    Property(node) {
      // Keys; and in `{ createRequire: make }` the local name, which is already known.
      if (!node.computed) followed.add(node.key);
      if (node.value.type === 'Identifier' && names.makers.has(node.value.name)) followed.add(node.value);
    },
    Identifier(node) {
      // Only a binding carries a type, as in `(require: boolean) => void`.
      if ('typeAnnotation' in node && node.typeAnnotation !== null) return;
      if ((names.loaders.has(node.name) || names.makers.has(node.name)) && !followed.has(node)) add('require', null, node.start);
    },
  }).visit(program);
  return found;
}

// Where a name is only a name: keys, and types, which load nothing.
function namesOnly(followed: Set<Node>): VisitorObject {
  return {
    PropertyDefinition: ({ key, computed }) => { if (!computed) followed.add(key); },
    MethodDefinition: ({ key, computed }) => { if (!computed) followed.add(key); },
    TSPropertySignature: ({ key, computed }) => { if (!computed) followed.add(key); },
    TSMethodSignature: ({ key, computed }) => { if (!computed) followed.add(key); },
    TSTypeQuery: ({ exprName }) => { followed.add(exprName); },
    ImportSpecifier: ({ imported, local }) => { followed.add(imported).add(local); },
    ExportSpecifier: ({ exported }) => { followed.add(exported); },
    UnaryExpression: ({ operator, argument }) => { if (operator === 'typeof') followed.add(argument); },
  };
}

function namesIn(program: Program): Names {
  const makers = new Set<string>();
  const loaders = new Set<string>();
  const others = new Set<string>();
  const learn = (node: VariableDeclarator): void => {
    if (node.id.type === 'Identifier') (isMakerCall(node.init, { makers, loaders }) ? loaders : others).add(node.id.name);
    if (node.id.type !== 'ObjectPattern') return;
    for (const property of node.id.properties) {
      if (property.type !== 'Property' || property.key.type !== 'Identifier' || property.key.name !== 'createRequire') continue;
      const local = property.value.type === 'AssignmentPattern' ? property.value.left : property.value;
      if (local.type === 'Identifier') makers.add(local.name);
    }
  };
  const parameters = (node: { readonly params: readonly { readonly type: string }[] }): void => {
    for (const parameter of node.params) if (parameter.type === 'Identifier' && 'name' in parameter) others.add(String(parameter.name));
  };
  new Visitor({
    ImportSpecifier({ imported, local }) {
      const name = imported.type === 'Literal' ? imported.value : imported.name;
      (name === 'createRequire' ? makers : others).add(local.name);
    },
    VariableDeclarator: learn,
    FunctionDeclaration(node) {
      if (node.id !== null) others.add(node.id.name);
      parameters(node);
    },
    FunctionExpression: parameters,
    ArrowFunctionExpression: parameters,
  }).visit(program);
  // In a module `require` is a name like any other: where the file gives it a meaning of its own, it loads nothing.
  if (!others.has('require')) loaders.add('require');
  return { makers, loaders };
}

function loaderCall({ callee }: CallExpression, names: Names, followed: Set<Node>): 'require' | 'resolve' | undefined {
  if (isLoader(callee, names) || isMakerCall(callee, names)) {
    follow(callee, followed);
    return 'require';
  }
  if (callee.type !== 'MemberExpression' || callee.computed || callee.property.type !== 'Identifier') return undefined;
  // module.require
  if (callee.property.name === 'require' && callee.object.type === 'Identifier' && callee.object.name === 'module') return 'require';
  if (callee.property.name !== 'resolve' || !(isLoader(callee.object, names) || isMakerCall(callee.object, names))) return undefined;
  follow(callee.object, followed);
  return 'resolve';
}

function isLoader(node: Expression, { loaders }: Names): boolean {
  return node.type === 'Identifier' && loaders.has(node.name);
}

function isMaker(node: Expression, { makers }: Names): boolean {
  if (node.type === 'Identifier') return makers.has(node.name);
  if (node.type !== 'MemberExpression') return false;
  return node.computed ? textOf(node.property) === 'createRequire' : node.property.type === 'Identifier' && node.property.name === 'createRequire';
}

function isMakerCall(node: Expression | null, names: Names): node is CallExpression {
  return node?.type === 'CallExpression' && isMaker(node.callee, names);
}

// The parent is visited first, so what it explains is no loose use when its own turn comes.
function follow(node: Expression, followed: Set<Node>): void {
  followed.add(node);
  if (node.type === 'CallExpression') followed.add(node.callee);
}
