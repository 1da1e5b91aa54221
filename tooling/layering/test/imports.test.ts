import { describe, expect, test } from 'vitest';
import { checkYard, found, manifest } from './fixture.ts';

/** Every way to write an import of a package. */
const WAYS: Record<string, (name: string) => string> = {
  static: (name) => `import { x } from '${name}';`,
  'type-only': (name) => `import type { X } from '${name}';`,
  'inline type': (name) => `import { type X } from '${name}';`,
  namespace: (name) => `import * as all from '${name}';`,
  're-export': (name) => `export { x } from '${name}';`,
  're-export of all': (name) => `export * from '${name}';`,
  're-export of types': (name) => `export type { X } from '${name}';`,
  'side effect': (name) => `import '${name}';`,
  dynamic: (name) => `export const x = await import('${name}');`,
  'dynamic, template literal': (name) => `export const x = await import(\`${name}\`);`,
  'dynamic, wrapped in a type': (name) => `export const x = await import('${name}' as string);`,
  'import type expression': (name) => `export type X = import('${name}').X;`,
  'typeof import': (name) => `export let x: typeof import('${name}');`,
  require: (name) => `export const x = require('${name}');`,
  createRequire: (name) => `import { createRequire } from 'node:module';\nexport const x = createRequire(import.meta.url)('${name}');`,
  'import equals': (name) => `import x = require('${name}');`,
  'triple slash': (name) => `/// <reference types="${name}" />`,
  augmentation: (name) => `export {};\ndeclare module '${name}' { interface X {} }`,
  'import.meta.resolve': (name) => `export const x = import.meta.resolve('${name}');`,
  'vi.importActual': (name) => `export const x = await vi.importActual('${name}');`,
};

// Declared in the manifest too, as somebody would who only wants the import to work.
const SHUT: Record<string, { from: string; to: string; says: string }> = {
  upward: { from: 'walls', to: 'roof', says: 'upward' },
  sideways: { from: 'walls', to: 'shed', says: 'sideways' },
  skipped: { from: 'roof', to: 'ground', says: 'skipped, roof reaches it only through walls' },
};

describe('the clean yard', () => {
  test('has no violation', () => {
    expect(checkYard()).toEqual({ packages: 5, imports: 13, violations: [] });
  });
});

describe.each(Object.entries(SHUT))('L1 %s', (_, { from, to, says }) => {
  const others = from === 'roof' ? { '@yard/walls': 'workspace:^' } : { '@yard/ground': 'workspace:^' };
  const declared = { [`packages/${from}/package.json`]: manifest(from, { dependencies: { ...others, [`@yard/${to}`]: 'workspace:^' }, ...(from === 'roof' ? { devDependencies: { '@yard/kit': 'workspace:^' } } : {}) }) };

  test.each(Object.entries(WAYS))('%s', (_, write) => {
    const report = checkYard({ ...declared, [`packages/${from}/src/new.ts`]: write(`@yard/${to}`) });
    const inSource = report.violations.filter(({ file }) => file.endsWith('new.ts'));
    expect(inSource.map(({ code, package: name }) => [code, name])).toEqual([['L1', from]]);
    expect(inSource[0]?.message).toContain(`${from} may not import ${to}: ${says}`);
    expect(inSource[0]?.message).toContain(`${from} may import: ${from === 'roof' ? 'walls' : 'ground'}.`);
  });

  test('in a test', () => {
    const report = checkYard({ [`packages/${from}/test/new.test.ts`]: `import '@yard/${to}';` });
    expect(found(report)).toEqual([`L1 packages/${from}/test/new.test.ts:1`]);
  });
});

describe('L1', () => {
  test('quotes the reason at the door', () => {
    const [violation] = checkYard({ 'packages/walls/src/new.ts': "\n  import '@yard/roof';" }).violations;
    expect(violation).toEqual({
      code: 'L1', package: 'walls', file: 'packages/walls/src/new.ts', line: 2, column: 10, specifier: '@yard/roof',
      message: 'walls may not import roof: upward, roof stands on walls. Y1: walls are finished before anybody thinks of a roof. walls may import: ground.',
    });
  });

  test('what only tests may import is shut to run-time code', () => {
    const report = checkYard({ 'packages/roof/src/new.ts': "import '@yard/kit';" });
    expect(found(report)).toEqual(['L1 packages/roof/src/new.ts:1']);
    expect(report.violations[0]?.message).toContain('Only the tests of roof may import kit.');
  });

  test('a package outside the layers', () => {
    expect(found(checkYard({ 'packages/roof/test/new.test.ts': "import '@yard/paint';" }))).toEqual(['L1 packages/roof/test/new.test.ts:1']);
  });
});

describe.each(Object.entries(WAYS))('an allowed import: %s', (_, write) => {
  test('has no violation', () => {
    expect(found(checkYard({ 'packages/walls/src/new.ts': write('@yard/ground') }))).toEqual([]);
  });
});

describe('L4 and L5: the manifest and the import', () => {
  test('L4: an allowed package that is not declared', () => {
    const report = checkYard({ 'packages/shed/package.json': manifest('shed') });
    expect(found(report)).toEqual(['L4 packages/shed/src/index.ts:1']);
  });

  test('L4: a third party that is not declared', () => {
    expect(found(checkYard({ 'packages/shed/src/new.ts': "import 'gravel';" }))).toEqual(['L4 packages/shed/src/new.ts:1']);
  });

  test('L4: a tool of the root used outside tests', () => {
    expect(found(checkYard({ 'packages/shed/src/new.ts': "import 'vitest';" }))).toEqual(['L4 packages/shed/src/new.ts:1']);
  });

  test('L5: a third-party devDependency in src, as a value and as a type', () => {
    const report = checkYard({ 'packages/ground/src/new.ts': "import 'rake';\nimport type { Rake } from 'rake';\n" });
    expect(found(report)).toEqual(['L5 packages/ground/src/new.ts:1', 'L5 packages/ground/src/new.ts:2']);
  });

  test('L5: an allowed package that is only a devDependency', () => {
    const report = checkYard({
      'packages/shed/package.json': manifest('shed', { devDependencies: { '@yard/ground': 'workspace:^' } }),
      'packages/shed/test/shed.test.ts': "import '@yard/ground';",
    });
    expect(found(report)).toEqual(['L5 packages/shed/src/index.ts:1']);
  });

  test('L5: run-time code that imports a test', () => {
    const report = checkYard({ 'packages/roof/src/new.ts': "import '../test/roof.test.ts';\nimport './new.test.ts';\n", 'packages/roof/src/new.test.ts': '' });
    expect(found(report)).toEqual(['L5 packages/roof/src/new.ts:1', 'L5 packages/roof/src/new.ts:2']);
  });

  test('development files are tests and the configuration in the package folder, not what lies in src', () => {
    const source = "import 'vitest';";
    const files = ['vitest.config.ts', 'test/deep/x.ts', 'bench/x.ts', 'src/x.test.ts', 'src/test/x.ts', 'lib/x.ts'];
    const report = checkYard(Object.fromEntries(files.map((file) => [`packages/shed/${file}`, source])));
    expect(found(report)).toEqual(['L4 packages/shed/lib/x.ts:1', 'L4 packages/shed/src/test/x.ts:1']);
  });

  test('types of a library without own types need only @types', () => {
    const source = "import type { Weed } from 'weeds';\n/// <reference types=\"node\" />\n";
    expect(found(checkYard({ 'packages/ground/src/new.ts': source }))).toEqual([]);
    expect(found(checkYard({ 'packages/ground/src/new.ts': "import 'weeds';" }))).toEqual(['L4 packages/ground/src/new.ts:1']);
  });
});
