import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check, loadWorkspace, locate } from '../src/index.ts';
import { checkYard, found, manifest, writeYard, yardLayers } from './fixture.ts';

function inWalls(...lines: string[]): string[] {
  return found(checkYard({ 'packages/walls/src/new.ts': lines.join('\n') }));
}

const HERE = 'packages/walls/src/new.ts';

describe('L2 deep import', () => {
  test.each(['@yard/ground/src/index.ts', '@yard/ground/dist/index.js', '@yard/ground/', '@yard/ground/testing.ts'])('%s', (name) => {
    expect(inWalls(`import '${name}';`)).toEqual([`L2 ${HERE}:1`]);
  });

  test('exported subpaths are open', () => {
    expect(inWalls("import '@yard/ground/testing';", "import '@yard/ground/package.json';")).toEqual([]);
  });

  test('a subpath that is open in the workspace and closed when published', () => {
    const ground = manifest('ground', { dependencies: { gravel: '1' }, devDependencies: { rake: '1' }, publishConfig: { exports: { '.': './dist/index.js' } } });
    expect(found(checkYard({ 'packages/ground/package.json': ground }))).toEqual(['L2 packages/walls/src/index.ts:2']);
  });

  test('a package without exports is open at its name only', () => {
    const ground = { name: '@yard/ground', dependencies: { gravel: '1' }, devDependencies: { rake: '1' } };
    expect(found(checkYard({ 'packages/ground/package.json': ground }))).toEqual(['L2 packages/walls/src/index.ts:2']);
  });

  test('a query is no part of the name', () => {
    expect(inWalls("import '@yard/ground?raw';", "import '@yard/ground/testing#x';", "import '@yard/roof?raw';")).toEqual([`L1 ${HERE}:3`]);
  });

  test('a pattern opens what it matches, null closes it again', () => {
    const ground = manifest('ground', { dependencies: { gravel: '1' }, devDependencies: { rake: '1' }, exports: { '.': './a.js', './testing': './t.js', './open/*': './src/*.ts', './open/internal/*': null } });
    const report = checkYard({ 'packages/ground/package.json': ground, [HERE]: "import '@yard/ground/open/x';\nimport '@yard/ground/open/internal/x';\nimport '@yard/ground/other/x';" });
    expect(found(report)).toEqual([`L2 ${HERE}:2`, `L2 ${HERE}:3`]);
  });
});

describe('L3 a path that leaves the package', () => {
  const WAYS: Record<string, string> = {
    static: "import '../../ground/src/index.ts';",
    'type-only': "import type { X } from '../../ground/src/index.ts';",
    dynamic: "import('../../ground/src/index.ts');",
    'import type expression': "type X = import('../../ground/src/index.ts').X;",
    're-export': "export * from '../../ground/src/index.ts';",
    require: "require('../../ground/src/index.ts');",
    'triple slash': '/// <reference path="../../ground/src/index.ts" />',
    'of the repository': "import '../../../package.json';",
    'back into the package': "import '../../walls/../ground/src/index.ts';",
    'percent-encoded': "import './%2e%2e/%2e%2e/ground/src/index.ts';",
    'with a query': "import '../../ground/src/index.ts?raw';",
    'with backslashes': String.raw`import './..\\..\\ground\\src\\index.ts';`,
    'through node_modules': "import '../node_modules/@yard/ground/src/index.ts';",
    absolute: "import '/packages/ground/src/index.ts';",
    'as a file URL': "import('file:///packages/ground/src/index.ts');",
    'for a worker': "new Worker(new URL('../../ground/src/index.ts', import.meta.url));",
  };
  test.each(Object.entries(WAYS))('%s', (_, source) => {
    expect(inWalls(source)).toEqual([`L3 ${HERE}:1`]);
  });

  test('says whether the package itself would be allowed', () => {
    const message = (source: string): string | undefined => checkYard({ [HERE]: source }).violations[0]?.message;
    expect(message("import '../../ground/src/index.ts';")).toBe('This path leaves walls. Import @yard/ground by its name.');
    expect(message("import '../../roof/src/index.ts';")).toContain('Y1: walls are finished before');
  });

  test('what stays inside is open, and so is reading a file of the repository', () => {
    expect(inWalls("import './index.ts';", "import '../src/../package.json';", "new URL('../../../README.md', import.meta.url);", "new URL('https://a.example/', import.meta.url);")).toEqual([]);
  });

  test('a symbolic link to another package', () => {
    const root = writeYard();
    symlinkSync(join(root, 'packages/ground/src'), join(root, 'packages/walls/src/ground'));
    symlinkSync(join(root, 'packages/walls/src/index.ts'), join(root, 'packages/walls/src/same.ts'));
    expect(found(check(loadWorkspace(locate(root, undefined))))).toEqual(['L3 packages/walls/src/ground:1']);
  });
});

describe('L7 computed', () => {
  test.each([
    'import(name);', "import('@yard/' + 'ground');", 'import(`@yard/${name}`);', "import(ok ? 'a' : 'b');",
    'require(name);', 'import.meta.resolve(name);', 'vi.importActual(name);',
    "const load = require;", "(0, require)('x');", "hand(require);",
  ])('%s', (source) => {
    expect(inWalls(source)).toEqual([`L7 ${HERE}:1`]);
  });

  test('a file that is declared to load what its user names may, by an import and in no other way', () => {
    const layers = yardLayers();
    layers.packages['walls'] = { ...layers.packages['walls'], loads: [{ file: 'src/new.ts', because: 'plug-ins' }] };
    const of = (source: string) => found(checkYard({ 'layers.json': layers, [HERE]: source, 'packages/walls/src/other.ts': 'import(name);\n' }));
    expect(of('import(name);\n')).toEqual(['L7 packages/walls/src/other.ts:1']);
    expect(of('require(name);\n')).toContain(`L7 ${HERE}:1`);
  });
});

describe('S1 a file that does not parse', () => {
  test('is a violation, not a pass', () => {
    expect(inWalls("import '@yard/ground';", 'const = ;')[0]).toBe(`S1 ${HERE}:2`);
  });
});

describe('L6 another name for a package', () => {
  const imports = (map: unknown): string[] =>
    found(checkYard({ 'packages/walls/package.json': manifest('walls', { dependencies: { '@yard/ground': 'workspace:^' }, imports: map }), [HERE]: "import '#x';" }));

  test.each(['@yard/roof', '@yard/ground', '../roof/src/index.ts', '../../shared/x.ts', './node_modules/@yard/roof/src/index.ts'])('imports map to %s', (target) => {
    expect(imports({ '#x': { node: target, default: './src/index.ts' } })).toEqual(['L6 packages/walls/package.json:12']);
  });

  test('imports map inside the package, and to third parties that are declared', () => {
    expect(imports({ '#x': './src/index.ts' })).toEqual([]);
    expect(imports({ '#x': 'node:fs' })).toEqual([]);
    expect(imports({ '#x': 'gravel' })).toEqual(['L4 packages/walls/package.json:12']);
  });

  test('an entry that is not in the map', () => {
    expect(imports({ '#y': './src/index.ts' })).toEqual([`L6 ${HERE}:1`]);
  });

  const tsconfig = (config: unknown, file = 'packages/walls/tsconfig.json'): string[] => checkYard({ [file]: config }).violations.map(({ code, file: at }) => `${code} ${at}`);

  test.each([
    { compilerOptions: { paths: { '@up/*': ['../roof/src/*'] } } },
    { compilerOptions: { baseUrl: '..', paths: { up: ['roof/src/index.ts'] } } },
    { compilerOptions: { paths: { up: ['./node_modules/@yard/roof/src'] } } },
    { compilerOptions: { rootDirs: ['src', '../roof/src'] } },
    { compilerOptions: { typeRoots: ['../roof/types'] } },
    { compilerOptions: { types: ['@yard/roof'] } },
    { include: ['src', '../*/src'] },
    { files: ['../roof/src/index.ts'] },
  ])('tsconfig of a package: %j', (config) => {
    expect(tsconfig(config)).toEqual(['L6 packages/walls/tsconfig.json']);
    expect(tsconfig(config, 'packages/walls/tsconfig.build.json')).toEqual(['L6 packages/walls/tsconfig.build.json']);
  });

  test.each([
    { compilerOptions: { paths: { up: ['packages/roof/src/index.ts'] } } },
    { compilerOptions: { paths: { '@yard/*': ['./packages/*/src'] } } },
  ])('tsconfig of the root: %j', (config) => {
    expect(tsconfig(config, 'tsconfig.base.json')).toEqual(['L6 tsconfig.base.json']);
  });

  test('a tsconfig that stays at home', () => {
    expect(tsconfig({ extends: '../../tsconfig.base.json', compilerOptions: { paths: { '~/*': ['./src/*'] }, typeRoots: ['../../node_modules/@types'], types: ['node', 'vitest/globals'] } })).toEqual([]);
    expect(tsconfig({ include: ['packages/*/src'] }, 'tsconfig.json')).toEqual([]);
  });
});
