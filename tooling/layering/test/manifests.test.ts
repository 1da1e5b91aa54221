import { describe, expect, test } from 'vitest';
import { checkYard, found, manifest } from './fixture.ts';
import type { Json } from './fixture.ts';

const WALLS = 'packages/walls/package.json';

function walls(rest: Json): ReturnType<typeof checkYard> {
  return checkYard({ [WALLS]: manifest('walls', rest) });
}

const GROUND = { '@yard/ground': 'workspace:^' };

describe('M1 a dependency that is not on the row', () => {
  test.each(['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'])('in %s, upward and sideways', (field) => {
    const shut = { '@yard/roof': 'workspace:^', '@yard/shed': 'workspace:*' };
    const report = walls(field === 'dependencies' ? { dependencies: { ...GROUND, ...shut } } : { dependencies: GROUND, [field]: shut });
    expect(report.violations.map(({ code }) => code)).toEqual(['M1', 'M1']);
    expect(report.violations[0]?.message).toContain('Y1: walls are finished before');
  });

  test('skipped, with the line of the entry', () => {
    const roof = manifest('roof', { dependencies: { '@yard/walls': 'workspace:^', ...GROUND }, devDependencies: { '@yard/kit': 'workspace:^' } });
    expect(found(checkYard({ 'packages/roof/package.json': roof }))).toEqual(['M1 packages/roof/package.json:10']);
  });

  test('what only tests may use is no dependency', () => {
    const roof = manifest('roof', { dependencies: { '@yard/walls': 'workspace:^', '@yard/kit': 'workspace:^' } });
    expect(found(checkYard({ 'packages/roof/package.json': roof }))).toEqual(['M1 packages/roof/package.json:10']);
  });

  test('a package outside the layers, and one that no row declares', () => {
    const report = walls({ dependencies: GROUND, devDependencies: { '@yard/paint': 'workspace:^', '@yard/nowhere': 'workspace:^' } });
    expect(report.violations.map(({ code }) => code)).toEqual(['M1', 'M1']);
  });
});

describe('M2 a workspace package under another name', () => {
  test.each(['workspace:@yard/roof@*', 'npm:@yard/roof@^1.0.0', 'file:../roof', 'link:../roof', 'workspace:../roof', '../roof', 'link:./node_modules/@yard/roof'])('%s', (range) => {
    const report = walls({ dependencies: { ...GROUND, eaves: range } });
    expect(report.violations.map(({ code }) => code)).toEqual(['M2']);
    expect(report.violations[0]?.message).toContain('@yard/roof');
  });

  test('an allowed package by path, too', () => {
    expect(found(walls({ dependencies: { '@yard/ground': 'link:../ground' } }))).toEqual([`M2 ${WALLS}:9`]);
  });

  test('third parties may have any name', () => {
    expect(found(walls({ dependencies: { ...GROUND, a: 'npm:gravel@1', b: 'npm:@far/gravel@1', c: 'file:./vendor/c.tgz', d: '^1.0.0', e: 'workspace-tools' } }))).toEqual([]);
  });
});

describe('M3 a workspace package from the registry', () => {
  test.each(['^1.0.0', '*', 'catalog:', 'npm:gravel@1'])('%s', (range) => {
    expect(found(walls({ dependencies: { '@yard/ground': range } }))).toEqual([`M3 ${WALLS}:9`]);
  });
});

describe('U1 a stale edge', () => {
  test('declared, allowed, never imported', () => {
    const report = checkYard({ 'packages/shed/src/index.ts': 'export {};' });
    expect(found(report)).toEqual(['U1 packages/shed/package.json:9']);
    expect(report.violations[0]?.message).toContain('remove it');
  });

  test('a dependency that only tests import', () => {
    const report = checkYard({ 'packages/shed/src/index.ts': 'export {};', 'packages/shed/test/shed.test.ts': "import '@yard/ground';" });
    expect(found(report)).toEqual(['U1 packages/shed/package.json:9']);
    expect(report.violations[0]?.message).toContain('move it to devDependencies');
  });

  test('a devDependency that no test imports', () => {
    expect(found(checkYard({ 'packages/roof/test/roof.test.ts': 'export {};' }))).toEqual(['U1 packages/roof/package.json:12']);
  });

  test('the row may be wider than the manifest', () => {
    expect(found(checkYard({ 'packages/shed/package.json': manifest('shed'), 'packages/shed/src/index.ts': 'export {};' }))).toEqual([]);
  });
});
