// What each package may use, as its manifest says: `layers check` holds the manifests against the declaration of the layers.
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import type { Layers } from '@siov/scenarios';

const SCOPE = '@siov/';

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * The composition root's packages, and what those use, which are found from there: the command itself has not all of them. And
 * the package that calls come from where a real VMM stands for ours.
 */
export function layersOfManifests(): Layers {
  const at = import.meta.resolve('@siov/scenarios/package.json');
  const root = read(new URL(at));
  const server = read(new URL(import.meta.resolve('@siov/vfio-user/package.json')));
  const manifests = [root, server, ...usesOf(root).map((name) => read(findPackageJSON(SCOPE + name, at) ?? ''))];
  return Object.fromEntries(manifests.map((manifest) => [manifest.name.slice(SCOPE.length), { uses: usesOf(manifest) }]));
}

function read(path: string | URL): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

function usesOf(manifest: Manifest): string[] {
  return Object.keys(manifest.dependencies ?? {}).filter((each) => each.startsWith(SCOPE)).map((each) => each.slice(SCOPE.length));
}
