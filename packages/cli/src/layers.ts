// What each package may use, as its manifest says: `layers check` holds the manifests against the declaration of the layers.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Layers } from '@siov/scenarios';

const SCOPE = '@siov/';
const ROOT = `${SCOPE}scenarios`;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The composition root's packages, and what those use. They are found from there: the command itself has not all of them. */
export function layersOfManifests(): Layers {
  const root = createRequire(import.meta.resolve(`${ROOT}/package.json`));
  const manifests = [ROOT, ...usesOf(manifestOf(root, ROOT)).map((name) => SCOPE + name)].map((name) => manifestOf(root, name));
  return Object.fromEntries(manifests.map((manifest) => [manifest.name.slice(SCOPE.length), { uses: usesOf(manifest) }]));
}

function manifestOf(from: NodeJS.Require, name: string): Manifest {
  return JSON.parse(readFileSync(from.resolve(`${name}/package.json`), 'utf8')) as Manifest;
}

function usesOf(manifest: Manifest): string[] {
  return Object.keys(manifest.dependencies ?? {}).filter((each) => each.startsWith(SCOPE)).map((each) => each.slice(SCOPE.length));
}
