// The judge of manifests: what package.json declares must be on the row, must be imported, and must carry its own name.
import { posix } from 'node:path';
import { targetsOf } from './exports-map.ts';
import { layerAt, layerLinkedAt, layerNamed } from './house.ts';
import type { Dependency, House, Member } from './house.ts';
import { judgeImport } from './judge.ts';
import { isWithin } from './layers-file.ts';
import { legalWay, mayImport, shutDoor } from './sentences.ts';
import type { Finding, Verdict } from './violation.ts';

/** npm names that the code of a package imports, legally or not. */
export interface Usage {
  readonly runtime: ReadonlySet<string>;
  readonly development: ReadonlySet<string>;
}

/** A finding and the keys in the JSON file under which it is written. */
export interface ManifestFinding extends Finding {
  readonly at: readonly string[];
}

export function judgeManifest(house: House, member: Member, usage: Usage): ManifestFinding[] {
  return [
    ...member.manifest.dependencies.flatMap((dependency) => {
      const verdict = judgeName(house, member, dependency) ?? judgeRow(house, member, dependency) ?? judgeUse(house, member, dependency, usage);
      return verdict === undefined ? [] : [{ ...verdict, at: [dependency.field, dependency.name] }];
    }),
    ...Object.entries(member.manifest.imports).flatMap(([key, entry]) =>
      targetsOf(entry).flatMap((target) => {
        const verdict = judgeMapTarget(house, member, target);
        return verdict === undefined ? [] : [{ ...verdict, at: ['imports', key] }];
      })),
  ];
}

// An alias would let an import pass under a name that no row knows.
function judgeName(house: House, { layer }: Member, { name, range }: Dependency): Verdict {
  const real = aliased(range) ?? linked(house, layer.path, range);
  if (real !== undefined && real !== layer.npmName && isWorkspace(house, real)) {
    return { code: 'M2', message: `${name} stands for ${real} ("${range}"). Declare a workspace package under its own name, as "workspace:^".` };
  }
  if (isWorkspace(house, name) && !range.startsWith('workspace:')) {
    return { code: 'M3', message: `${name} is a package of this workspace, but "${range}" may fetch another one. Write "workspace:^".` };
  }
  return undefined;
}

function aliased(range: string): string | undefined {
  return /^(?:workspace|npm):(@[^/@]+\/[^@]+|[^@^~*\d./][^@/]*)(?:@|$)/.exec(range)?.[1];
}

function linked(house: House, from: string, range: string): string | undefined {
  const [, path] = /^(?:(?:workspace|file|link|portal):)?(\.{1,2}(?:\/.*)?)$/.exec(range) ?? [];
  if (path === undefined) return undefined;
  const reached = posix.join(from, path).replace(/\/$/, '');
  return (layerLinkedAt(house.layers, reached) ?? layerAt(house.layers, reached))?.npmName;
}

function isWorkspace(house: House, npmName: string): boolean {
  return layerNamed(house.layers, npmName) !== undefined || house.outsiders.has(npmName);
}

function judgeRow(house: House, { layer }: Member, { name, field, range }: Dependency): Verdict {
  const development = field === 'devDependencies';
  const to = layerNamed(house.layers, name);
  if (to !== undefined) {
    return mayImport(layer, to.name, development) ? undefined : { code: 'M1', message: shutDoor(house.layers, layer, to, development) };
  }
  if (!house.outsiders.has(name) && !range.startsWith('workspace:')) return undefined;
  const why = house.outsiders.get(name) ?? 'no row declares it';
  return { code: 'M1', message: `${name} is outside the layers (${why}), so no package may depend on it. ${legalWay(layer, development)}` };
}

function judgeUse(house: House, { layer }: Member, { name, field }: Dependency, usage: Usage): Verdict {
  // Third parties may be used without an import (types, plugins, commands); a workspace package never is.
  if (layerNamed(house.layers, name) === undefined) return undefined;
  if (field === 'devDependencies' ? usage.development.has(name) : usage.runtime.has(name)) return undefined;
  const remedy = field !== 'devDependencies' && usage.development.has(name) ? 'only its tests do: move it to devDependencies' : 'remove it';
  return { code: 'U1', message: `No code of ${layer.name} imports ${name} as ${field} promises; ${remedy}.` };
}

function judgeMapTarget(house: House, { layer }: Member, target: string): Verdict {
  const name = target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/');
  const path = posix.join(layer.path, target);
  const other = target.startsWith('.') ? (layerLinkedAt(house.layers, path) ?? layerAt(house.layers, path)) : layerNamed(house.layers, name);
  const escapes = target.startsWith('.') && (!isWithin(layer.path, path) || path.includes('/node_modules/'));
  if (escapes || house.outsiders.has(name) || (other !== undefined && other !== layer)) {
    return { code: 'L6', message: `The imports map leads to ${other?.npmName ?? target} under another name. Import a package by its own name.` };
  }
  // The map serves run-time code, so its third parties are judged as if a file of src imported them.
  return judgeImport(house, layer.name, { kind: 'static', specifier: target, typeOnly: false, file: posix.join(layer.path, 'src', 'imports') });
}
