import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PackageIndex, resolveClosure } from '../src/debian/resolver.ts';

/** A Packages text from name to its relation fields. */
function packages(all: Readonly<Record<string, { version?: string; depends?: string; pre?: string; provides?: string }>>): string {
  return Object.entries(all)
    .map(([name, { version = '1', depends, pre, provides }]) =>
      [
        `Package: ${name}`,
        `Version: ${version}`,
        ...(depends ? [`Depends: ${depends}`] : []),
        ...(pre ? [`Pre-Depends: ${pre}`] : []),
        ...(provides ? [`Provides: ${provides}`] : []),
        `Filename: pool/${name}.deb`,
        'Size: 10',
        `SHA256: ${'AB'.repeat(32)}`,
        '',
        '',
      ].join('\n'),
    )
    .join('');
}

const names = (index: PackageIndex, roots: string[], follow?: (name: string) => boolean) =>
  resolveClosure(index, roots, follow).map((pkg) => pkg.name);

describe('resolveClosure', () => {
  test('follows Depends and Pre-Depends, each package once, circles included', () => {
    const index = new PackageIndex(packages({ a: { depends: 'b, c' }, b: { depends: 'a', pre: 'd' }, c: { depends: 'd' }, d: {}, e: {} }));
    expect(names(index, ['a'])).toEqual(['a', 'b', 'c', 'd']);
  });

  test('takes the first alternative that exists', () => {
    const index = new PackageIndex(packages({ a: { depends: 'gone | b | c' }, b: {}, c: {} }));
    expect(names(index, ['a'])).toEqual(['a', 'b']);
  });

  test('an alternative already chosen wins over an earlier one', () => {
    const index = new PackageIndex(packages({ a: { depends: 'c, b | c' }, b: {}, c: {} }));
    expect(names(index, ['a'])).toEqual(['a', 'c']);
  });

  test('a virtual package is served by its provider', () => {
    const index = new PackageIndex(packages({ a: { depends: 'mail' }, b: { provides: 'mail (= 2)' } }));
    expect(names(index, ['a'])).toEqual(['a', 'b']);
  });

  test('the upper suite hides the lower one, and a real package there wins over a provider above', () => {
    const lower = new PackageIndex(packages({ a: { version: '1', depends: 'b' }, b: {} }));
    const upper = new PackageIndex(packages({ a: { version: '2', depends: 'b' }, x: { provides: 'b' } }), lower);
    expect(resolveClosure(upper, ['a']).map((pkg) => `${pkg.name} ${pkg.version}`)).toEqual(['a 2', 'b 1']);
    expect(names(lower, ['a'])).toEqual(['a', 'b']);
  });

  test('what is not followed may be missing', () => {
    const index = new PackageIndex(packages({ 'linux-image-1': { depends: 'dracut | initramfs-tools, linux-modules-1' }, 'linux-modules-1': {} }));
    expect(names(index, ['linux-image-1'], (name) => name.startsWith('linux-'))).toEqual(['linux-image-1', 'linux-modules-1']);
  });

  test('a missing dependency is an error that names who needs it', () => {
    const index = new PackageIndex(packages({ a: { depends: 'b | c' } }));
    expect(() => resolveClosure(index, ['a'])).toThrow('the archive has no b or c (needed by a)');
  });

  test('the closure of any graph is exactly what is reachable', () => {
    const size = 8;
    const edges = fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 20 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const depends = (i: number) => pairs.filter(([from]) => from === i).map(([, to]) => `p${to}`).join(', ');
        const index = new PackageIndex(packages(Object.fromEntries(Array.from({ length: size }, (_, i) => [`p${i}`, { depends: depends(i) }]))));
        const reachable = new Set([0]);
        for (const i of reachable) for (const [from, to] of pairs) if (from === i) reachable.add(to);
        expect(names(index, ['p0']).sort()).toEqual([...reachable].map((i) => `p${i}`).sort());
      }),
    );
  });
});

test('a stanza without a file is no package', () => {
  expect(new PackageIndex('Package: a\nVersion: 1\n').find('a')).toBeUndefined();
});
