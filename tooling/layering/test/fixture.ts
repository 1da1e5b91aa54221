// A made-up workspace on disk: a yard with four buildings and a kit for tests. Clean as it stands; each test breaks one thing.
//
//   roof -> walls -> ground,  shed -> ground,  kit -> ground;  the tests of roof may also use kit.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { check, loadWorkspace, locate } from '../src/index.ts';
import type { Report } from '../src/index.ts';

export type Json = Record<string, unknown>;

const DOOR = 'Y1: walls are finished before anybody thinks of a roof';

export function yardLayers(): { scope: string; packages: Record<string, Json>; outside: Json[] } {
  const row = (name: string, uses: string[], rest: Json = {}): [string, Json] => [name, { path: `packages/${name}`, is: `the ${name}`, uses, ...rest }];
  return {
    scope: '@yard',
    packages: Object.fromEntries([
      row('ground', []),
      row('walls', ['ground'], { doors: [{ to: ['roof'], because: DOOR }] }),
      row('shed', ['ground']),
      row('kit', ['ground']),
      row('roof', ['walls'], { 'uses-in-tests': ['kit'] }),
    ]),
    outside: [{ path: 'tools/paint', because: 'configuration' }],
  };
}

export function manifest(name: string, rest: Json = {}): Json {
  return {
    name: `@yard/${name}`,
    exports: { '.': './src/index.ts', './testing': './src/testing.ts', './package.json': './package.json' },
    ...rest,
  };
}

const WORKSPACE = 'workspace:^';

/** Every file of the clean yard. Objects are written as JSON. */
export function yard(): Record<string, unknown> {
  return {
    'package.json': { name: 'yard', devDependencies: { vitest: '1.0.0', '@types/node': '1.0.0' } },
    'pnpm-workspace.yaml': 'packages:\n  - packages/*\n  - "tools/*" # shared\n\ncatalog:\n  x: 1.0.0\n',
    'layers.json': yardLayers(),
    'tools/paint/package.json': { name: '@yard/paint' },
    'packages/ground/package.json': manifest('ground', { dependencies: { gravel: '1.0.0' }, devDependencies: { rake: '1.0.0', '@types/weeds': '1.0.0' } }),
    'packages/ground/src/index.ts': "import { readFileSync } from 'node:fs';\nimport gravel from 'gravel';\nexport const ground = [readFileSync, gravel];\n",
    'packages/ground/test/ground.test.ts': "import { test } from 'vitest';\nimport rake from 'rake';\nimport { ground } from '@yard/ground';\nimport '../src/index.ts';\ntest('is', () => [rake, ground]);\n",
    'packages/walls/package.json': manifest('walls', { dependencies: { '@yard/ground': WORKSPACE } }),
    'packages/walls/src/index.ts': "export { ground } from '@yard/ground';\nimport('@yard/ground/testing');\n",
    'packages/shed/package.json': manifest('shed', { dependencies: { '@yard/ground': WORKSPACE } }),
    'packages/shed/src/index.ts': "import type { ground } from '@yard/ground';\nexport type Floor = typeof ground;\n",
    'packages/kit/package.json': manifest('kit', { dependencies: { '@yard/ground': WORKSPACE } }),
    'packages/kit/src/index.ts': "import '@yard/ground';\n",
    'packages/roof/package.json': manifest('roof', { dependencies: { '@yard/walls': WORKSPACE }, devDependencies: { '@yard/kit': WORKSPACE } }),
    'packages/roof/src/index.ts': "export * from '@yard/walls';\n",
    'packages/roof/test/roof.test.ts': "import '@yard/kit';\nimport '@yard/walls';\n",
    'packages/roof/tsconfig.json': '{\n  // as people write it\n  "compilerOptions": { "types": ["node"], },\n  "include": ["src", "test"],\n}\n',
  };
}

/** Writes the yard with these files instead of or besides its own, for as long as the test runs; returns its root. */
export function writeYard(files: Record<string, unknown> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, content] of Object.entries({ ...yard(), ...files })) {
    if (content === undefined) continue;
    mkdirSync(join(root, dirname(name)), { recursive: true });
    writeFileSync(join(root, name), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  }
  return root;
}

export function checkYard(files: Record<string, unknown> = {}): Report {
  return check(loadWorkspace(locate(writeYard(files), undefined)));
}

/** The report as `code file:line`, which is all that most tests compare. */
export function found(report: Report): string[] {
  return report.violations.map(({ code, file, line }) => `${code} ${file}:${line}`);
}
