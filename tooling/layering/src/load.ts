// From disk to the facts of the house: the declaration and every manifest, held against the folders that exist.
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { DEPENDENCY_FIELDS, manifestFrom, record } from './house.ts';
import type { House, Member } from './house.ts';
import type { JsonSource } from './json-source.ts';
import { parseLayers } from './layers-file.ts';
import type { Layers } from './layers-file.ts';
import { ConfigError } from './violation.ts';
import { findDeclaration, findRoot, packageFolders, readJson } from './workspace.ts';

export interface Workspace {
  readonly root: string;
  readonly house: House;
  /** Each layer's package.json with the places of its keys. */
  readonly sources: ReadonlyMap<string, JsonSource>;
}

/** The declaration alone, as the table needs it. */
export function loadLayers(config: string): Layers {
  return parseLayers(readJson(config).value, basename(config));
}

/** `config` is the path of layers.json; without it, the one of the workspace around `cwd`. Throws a ConfigError. */
export function locate(cwd: string, config: string | undefined): { root: string; config: string } {
  const root = findRoot(config === undefined ? cwd : dirname(resolve(cwd, config)));
  return { root, config: config === undefined ? findDeclaration(root) : resolve(cwd, config) };
}

/** Throws a ConfigError with every problem of the declaration. */
export function loadWorkspace({ root, config }: { root: string; config: string }): Workspace {
  const layers = loadLayers(config);
  const problems = folderProblems(layers, root);
  if (problems.length > 0) throw new ConfigError(relative(root, config), problems);
  const sources = new Map<string, JsonSource>();
  const members = new Map<string, Member>();
  for (const layer of layers.rows.values()) {
    const source = readJson(join(root, layer.path, 'package.json'));
    const manifest = manifestFrom(`${layer.path}/package.json`, source);
    if (manifest.name !== layer.npmName) problems.push(`${layer.name}: ${manifest.file} is called "${manifest.name}", not "${layer.npmName}"`);
    sources.set(layer.name, source);
    members.set(layer.name, { layer, manifest });
  }
  if (problems.length > 0) throw new ConfigError(relative(root, config), problems);
  return { root, sources, house: { layers, members, outsiders: outsiders(layers, root), shared: sharedTools(root) } };
}

function folderProblems({ rows, outside }: Layers, root: string): string[] {
  const declared = [...[...rows.values()].map(({ name, path }) => ({ name, path })), ...outside.map(({ path }) => ({ name: 'outside', path }))];
  const folders = new Set(packageFolders(root));
  return [
    ...declared.flatMap(({ name, path }) => {
      if (!existsSync(join(root, path, 'package.json'))) return [`${name}: no package in ${path}`];
      return folders.has(path) ? [] : [`${name}: ${path} is not in the workspace`];
    }),
    ...[...folders].filter((path) => declared.every((one) => one.path !== path)).map((path) =>
      `${path} is a package of the workspace, but neither a row nor outside`),
  ];
}

function outsiders({ outside }: Layers, root: string): Map<string, string> {
  return new Map(outside.map(({ path, because }) => [String(record(readJson(join(root, path, 'package.json')).value)['name']), because]));
}

function sharedTools(root: string): Set<string> {
  const file = join(root, 'package.json');
  const json = existsSync(file) ? record(readJson(file).value) : {};
  return new Set(DEPENDENCY_FIELDS.flatMap((field) => Object.keys(record(json[field]))));
}
