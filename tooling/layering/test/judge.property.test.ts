import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IMPORT_KINDS, judgeImport, parseLayers } from '../src/index.ts';
import type { House, Layer, Manifest } from '../src/index.ts';

const COUNT = 8;

/** Rows of a random DAG: a package may use only earlier ones, its tests some more of them. Names are shuffled, so order tells nothing. */
const rows = fc.tuple(
  fc.shuffledSubarray(['ash', 'box', 'cog', 'dam', 'elm', 'fig', 'gum', 'hop'], { minLength: COUNT }),
  fc.array(fc.array(fc.constantFrom('no', 'no', 'yes', 'tests'), { minLength: COUNT, maxLength: COUNT }), { minLength: COUNT, maxLength: COUNT }),
).map(([names, choice]) => Object.fromEntries(names.map((name, row) => {
  const chosen = (what: string): string[] => names.slice(0, row).filter((_, column) => choice[row]?.[column] === what);
  return [name, { path: `packages/${name}`, is: 'x', uses: chosen('yes'), 'uses-in-tests': chosen('tests') }];
})));

/** Every package declares every other, so that only the row can object. */
function houseOf(packages: Record<string, unknown>): House {
  const layers = parseLayers({ scope: '@wood', packages }, 'layers.json');
  const names = [...layers.rows.values()].map(({ npmName }) => npmName);
  const members = new Map([...layers.rows.values()].map((layer): [string, { layer: Layer; manifest: Manifest }] => [layer.name, {
    layer,
    manifest: {
      file: `${layer.path}/package.json`, name: layer.npmName, exports: ['./src/index.ts'], imports: {},
      dependencies: names.map((name) => ({ name, range: 'workspace:^', field: 'dependencies' })),
    },
  }]));
  return { layers, members, outsiders: new Map(), shared: new Set() };
}

const site = fc.record({ from: fc.nat(COUNT - 1), to: fc.nat(COUNT - 1), kind: fc.constantFrom(...IMPORT_KINDS.filter((kind) => kind !== 'url')), inTest: fc.boolean(), typeOnly: fc.boolean() });

describe('judgeImport', () => {
  test('an import is legal exactly if the row lists it, whatever its kind', () => {
    fc.assert(fc.property(rows, fc.array(site, { minLength: 1, maxLength: 20 }), (packages, sites) => {
      const house = houseOf(packages);
      const layers = [...house.layers.rows.values()];
      for (const { from, to, kind, inTest, typeOnly } of sites) {
        const [importer, imported] = [layers[from], layers[to]];
        if (importer === undefined || imported === undefined) throw new RangeError('no such row');
        const row = packages[importer.name];
        const listed = [importer.name, ...(row?.uses ?? []), ...(inTest ? (row?.['uses-in-tests'] ?? []) : [])].includes(imported.name);
        const file = `${importer.path}/${inTest ? 'test/x.test.ts' : 'src/x.ts'}`;
        expect(judgeImport(house, importer.name, { kind, specifier: imported.npmName, typeOnly, file })?.code).toBe(listed ? undefined : 'L1');
      }
    }), { numRuns: 200 });
  });

  test('a relative path is legal exactly if it ends in the folder it starts from', () => {
    const detour = fc.array(fc.constantFrom('.', 'src', 'src/../src'), { maxLength: 3 });
    fc.assert(fc.property(rows, fc.nat(COUNT - 1), fc.nat(COUNT - 1), detour, (packages, from, to, parts) => {
      const house = houseOf(packages);
      const layers = [...house.layers.rows.values()];
      const [importer, reached] = [layers[from], layers[to]];
      if (importer === undefined || reached === undefined) throw new RangeError('no such row');
      const specifier = ['..', '..', reached.name, 'src', ...parts, 'index.ts'].join('/');
      const verdict = judgeImport(house, importer.name, { kind: 'static', specifier, typeOnly: false, file: `${importer.path}/src/x.ts` });
      expect(verdict?.code).toBe(reached === importer ? undefined : 'L3');
    }), { numRuns: 200 });
  });

  test('asked for a package that is none, it throws', () => {
    const house = houseOf({ ash: { path: 'a', is: 'x', uses: [] } });
    expect(() => judgeImport(house, 'oak', { kind: 'static', specifier: 'x', typeOnly: false, file: 'a/src/x.ts' })).toThrow(RangeError);
  });
});
