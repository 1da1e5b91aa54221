// The judge of tsconfig files: TypeScript must see no other package than by its name through node_modules.
import { posix } from 'node:path';
import { layerAt, layerLinkedAt, layerNamed, record } from './house.ts';
import type { House } from './house.ts';
import { isWithin } from './layers-file.ts';
import type { Layer } from './layers-file.ts';
import { classify } from './specifier.ts';
import type { ManifestFinding } from './judge-manifest.ts';

interface PathSetting {
  readonly at: readonly string[];
  readonly path: string;
  /** The folder that a relative path starts from. */
  readonly base: string;
}

/**
 * `file` is relative to the workspace root. `layer` is the package whose tsconfig this is; without one it is a shared
 * tsconfig, in which only what reaches into some package is wrong.
 */
export function judgeTsconfig(house: House, file: string, value: unknown, layer: Layer | undefined): ManifestFinding[] {
  return [
    ...pathSettings(file, value, layer !== undefined).flatMap(({ at, path, base }) => {
      const reached = posix.join(base, path);
      const target = layerLinkedAt(house.layers, reached) ?? layerAt(house.layers, reached);
      const linked = reached.includes('node_modules/') && target === undefined;
      const leaves = layer === undefined ? reachesFolders(house, reached) : !isWithin(layer.path, reached);
      const wrong = !linked && (leaves || (target !== undefined && target !== layer));
      return wrong ? [{ code: 'L6' as const, at, message: sentence(at[at.length - 2] ?? '', path, target) }] : [];
    }),
    ...typeSettings(value).flatMap(({ at, name }) => {
      const target = layerNamed(house.layers, name);
      const wrong = target !== undefined && target !== layer;
      return wrong ? [{ code: 'L6' as const, at, message: `"types" loads ${target.npmName} for every file. Import it where it is used.` }] : [];
    }),
  ];
}

function sentence(key: string, path: string, target: Layer | undefined): string {
  const reached = target === undefined ? `outside the package` : `to ${target.npmName}`;
  return `${key === '' ? 'a path' : `"${key}"`} leads ${reached} ("${path}"). Import a package by its own name.`;
}

function pathSettings(file: string, value: unknown, own: boolean): PathSetting[] {
  const folder = posix.dirname(file);
  const json = record(value);
  const options = record(json['compilerOptions']);
  const baseUrl = typeof options['baseUrl'] === 'string' ? posix.join(folder, options['baseUrl']) : folder;
  const under = (keys: readonly string[], list: unknown, base: string): PathSetting[] =>
    strings(list).map((path, index) => ({ at: [...keys, String(index)], path, base }));
  return [
    ...Object.entries(record(options['paths'])).flatMap(([key, list]) => under(['compilerOptions', 'paths', key], list, baseUrl)),
    ...['rootDirs', 'typeRoots'].flatMap((key) => under(['compilerOptions', key], options[key], folder)),
    // A shared tsconfig may list the packages to check; that lets no file of one see another.
    ...(own ? ['include', 'files'].flatMap((key) => under([key], json[key], folder)) : []),
  ];
}

function typeSettings(value: unknown): { at: readonly string[]; name: string }[] {
  return strings(record(record(value)['compilerOptions'])['types']).flatMap((specifier, index) => {
    const target = classify(specifier);
    return target.kind === 'package' ? [{ at: ['compilerOptions', 'types', String(index)], name: target.name }] : [];
  });
}

// "packages/*/src" reaches every folder below packages.
function reachesFolders({ layers }: House, path: string): boolean {
  const fixed = path.replace(/\/?[^/]*\*.*$/, '');
  return [...layers.rows.values()].some((row) => isWithin(row.path, fixed) || (fixed !== path && (fixed === '' || isWithin(fixed, row.path))));
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
