// All facts a judgement needs, as plain data: the declared rows and what the manifests say. Nothing here reads a file.
import type { JsonSource } from './json-source.ts';
import type { Layer, Layers } from './layers-file.ts';
import { isWithin } from './layers-file.ts';

export const DEPENDENCY_FIELDS = ['dependencies', 'peerDependencies', 'optionalDependencies', 'devDependencies'] as const;
export type DependencyField = (typeof DEPENDENCY_FIELDS)[number];

export interface Dependency {
  readonly name: string;
  readonly range: string;
  readonly field: DependencyField;
}

/** What of a package.json matters here. `file` is relative to the workspace root. */
export interface Manifest {
  readonly file: string;
  readonly name: string;
  readonly dependencies: readonly Dependency[];
  /** `exports` as seen in the workspace, and as published where the manifest says that it differs. */
  readonly exports: readonly unknown[];
  readonly imports: Readonly<Record<string, unknown>>;
}

/** A layer with its manifest. */
export interface Member {
  readonly layer: Layer;
  readonly manifest: Manifest;
}

export interface House {
  readonly layers: Layers;
  readonly members: ReadonlyMap<string, Member>;
  /** npm names of workspace packages that are no layer, with the reason. */
  readonly outsiders: ReadonlyMap<string, string>;
  /** What the workspace root declares: tools that tests of every package share. */
  readonly shared: ReadonlySet<string>;
}

/** The layer of that npm name, if it is one. */
export function layerNamed(layers: Layers, npmName: string): Layer | undefined {
  return npmName.startsWith(`${layers.scope}/`) ? layers.rows.get(npmName.slice(layers.scope.length + 1)) : undefined;
}

/** The layer whose folder holds a path relative to the workspace root. */
export function layerAt(layers: Layers, path: string): Layer | undefined {
  for (const layer of layers.rows.values()) if (isWithin(layer.path, path)) return layer;
  return undefined;
}

/** The layer that a path reaches through somebody's node_modules, where package managers link workspace packages. */
export function layerLinkedAt(layers: Layers, path: string): Layer | undefined {
  const [, inside] = /(?:^|\/)node_modules\/(@[^/]+\/[^/]+)(?:\/|$)/.exec(path) ?? [];
  return inside === undefined ? undefined : layerNamed(layers, inside);
}

const DEVELOPMENT_FOLDERS = new Set(['test', 'tests', 'bench', 'scripts']);

/**
 * Whether a source file is only used to develop the package: tests, benchmarks, scripts, and configuration, which lies
 * in the package folder itself. Takes the path inside the package. A `test` folder under `src` is shipped, so it does not count.
 */
export function isDevelopment(pathInPackage: string): boolean {
  const folders = pathInPackage.split('/');
  const base = folders.pop() ?? '';
  return folders.length === 0 || DEVELOPMENT_FOLDERS.has(folders[0] ?? '') || /\.(?:test|spec|bench)\.[cm]?[jt]sx?$/.test(base);
}

export function manifestFrom(file: string, source: JsonSource): Manifest {
  const json = record(source.value);
  const published = record(json['publishConfig'])['exports'];
  return {
    file,
    name: typeof json['name'] === 'string' ? json['name'] : '',
    dependencies: DEPENDENCY_FIELDS.flatMap((field) =>
      Object.entries(record(json[field])).map(([name, range]) => ({ name, range: String(range), field }))),
    exports: published === undefined ? [json['exports']] : [json['exports'], published],
    imports: record(json['imports']),
  };
}

/** Whatever is not an object has no keys. */
export function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
