import { describe, expect, test } from 'vitest';
import { ConfigError, loadWorkspace, locate } from '../src/index.ts';
import { manifest, writeYard, yardLayers } from './fixture.ts';
import type { Json } from './fixture.ts';

/** The problems that loading names, none where it loads. */
function problems(files: Record<string, unknown>): readonly string[] {
  try {
    loadWorkspace(locate(writeYard(files), undefined));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function edited(name: string, change: Json): readonly string[] {
  const layers = yardLayers();
  return problems({ 'layers.json': { ...layers, packages: { ...layers.packages, [name]: { ...layers.packages[name], ...change } } } });
}

describe('layers.json', () => {
  test('the yard is in order', () => {
    expect(problems({})).toEqual([]);
  });

  test('an unknown package, each where it is named', () => {
    expect(edited('shed', { uses: ['ground', 'cellar'], 'uses-in-tests': ['attic'], doors: [{ to: ['moat'], because: 'no' }] })).toEqual([
      'shed: unknown package "cellar" in uses', 'shed: unknown package "attic" in uses-in-tests', 'shed: unknown package "moat" in doors',
    ]);
  });

  test('a cycle, also one through tests', () => {
    expect(edited('ground', { uses: ['roof'] })).toEqual(['cycle: ground -> roof -> walls -> ground']);
    expect(edited('ground', { 'uses-in-tests': ['roof'] })).toEqual(['cycle: ground -> roof -> walls -> ground']);
  });

  test('a package on its own row', () => {
    expect(edited('shed', { uses: ['shed'] })).toEqual(['shed: names itself in uses']);
  });

  test('a package twice on a row', () => {
    expect(edited('shed', { uses: ['ground', 'ground'] })).toEqual(['shed: "ground" is on the row twice']);
    expect(edited('shed', { 'uses-in-tests': ['ground'] })).toEqual(['shed: "ground" is on the row twice']);
  });

  test('a door that is shut and open; open to tests alone is no contradiction', () => {
    expect(edited('shed', { doors: [{ to: ['ground'], because: 'no' }] })).toEqual(['shed: "ground" is in uses and behind a shut door']);
    expect(edited('roof', { doors: [{ to: ['kit'], because: 'no' }] })).toEqual([]);
  });

  test('a folder declared twice, and one in the other', () => {
    expect(edited('shed', { path: 'packages/kit' })).toEqual(['shed and kit have the same path packages/kit']);
    expect(edited('shed', { path: 'packages/kit/shed' })).toEqual(['shed (packages/kit/shed) and kit (packages/kit) lie in each other']);
  });

  test('a folder that is missing, and one that the workspace does not take', () => {
    expect(edited('shed', { path: 'packages/gone' })).toEqual(['shed: no package in packages/gone', 'packages/shed is a package of the workspace, but neither a row nor outside']);
    expect(problems({ 'pnpm-workspace.yaml': 'packages:\n  - packages/*\n' })).toEqual(['outside: tools/paint is not in the workspace']);
  });

  test('a package folder that nobody declared', () => {
    expect(problems({ 'packages/moat/package.json': manifest('moat') })).toEqual(['packages/moat is a package of the workspace, but neither a row nor outside']);
    expect(problems({ 'pnpm-workspace.yaml': "packages:\n- packages/*\n- tools/*\n- '!packages/moat'\n", 'packages/moat/package.json': {} })).toEqual([]);
  });

  test('a package whose name is not that of its row', () => {
    expect(problems({ 'packages/shed/package.json': manifest('barn') })).toEqual(['shed: packages/shed/package.json is called "@yard/barn", not "@yard/shed"']);
  });

  test('a shape that is not the shape: every fault with its place', () => {
    const faults = edited('shed', { path: '../shed', uses: 'ground', rank: 2 });
    expect(faults).toHaveLength(3);
    expect(faults.join('\n')).toMatch(/packages\.shed\.path: a folder relative[^]*packages\.shed\.uses: [^]*packages\.shed: [^]*"rank"/);
    expect(problems({ 'layers.json': '[]' })).toHaveLength(1);
  });

  test('a row given twice, which JSON.parse would not notice', () => {
    expect(problems({ 'layers.json': '{ "scope": "@yard", "packages": { "a": {}, "a": {} } }' })).toEqual(['key "a" is given twice under packages']);
    expect(problems({ 'layers.json': '{ "scope": "@yard", ' })[0]).toMatch(/^not JSON/);
    expect(problems({ 'layers.json': '{ scope: process.exit() }' })[0]).toMatch(/^not JSON/);
  });

  test('no declaration', () => {
    expect(problems({ 'layers.json': undefined })).toEqual(['no layers.json and no tooling/layering/layers.json']);
  });
});

describe('the list of workspace folders', () => {
  test('npm and yarn keep it in package.json', () => {
    expect(problems({ 'pnpm-workspace.yaml': undefined, 'package.json': { workspaces: ['packages/*', './tools/*'] } })).toEqual([]);
    expect(problems({ 'pnpm-workspace.yaml': undefined, 'package.json': { workspaces: { packages: ['packages/*'] } } })).toEqual(['outside: tools/paint is not in the workspace']);
  });

  test('what cannot be read for certain is refused', () => {
    expect(problems({ 'pnpm-workspace.yaml': 'packages: [packages/*]\n' })).toEqual(['no list of "packages", one per line']);
    expect(problems({ 'pnpm-workspace.yaml': 'packages:\n  - *all\n' })).toEqual(['cannot read this entry of packages: - *all']);
  });
});
