// The judge of imports. Pure: the facts of the house and one import go in, a verdict comes out.
import { posix } from 'node:path';
import { entryFor, exposes } from './exports-map.ts';
import { isDevelopment, layerAt, layerLinkedAt, layerNamed } from './house.ts';
import type { DependencyField, House, Member } from './house.ts';
import { isWithin } from './layers-file.ts';
import type { Layer } from './layers-file.ts';
import { legalWay, mayImport, shutDoor } from './sentences.ts';
import { classify } from './specifier.ts';
import type { Verdict } from './violation.ts';

export const IMPORT_KINDS = [
  'static', 'type', 're-export', 'side-effect', 'dynamic', 'import-type', 'import-equals', 'require', 'resolve',
  'reference-path', 'reference-types', 'augmentation', 'mock', 'url',
] as const;
export type ImportKind = (typeof IMPORT_KINDS)[number];

/** One import as written. `specifier` is `null` where it is computed; `file` is relative to the workspace root. */
export interface ImportRequest {
  readonly kind: ImportKind;
  readonly specifier: string | null;
  /** Gone after compilation: for a library without own types, `@types/x` is enough. */
  readonly typeOnly: boolean;
  readonly file: string;
}

/** Throws a RangeError for a package that is no layer: only a caller's mistake can ask that. */
export function judgeImport(house: House, from: string, request: ImportRequest): Verdict {
  const member = house.members.get(from);
  if (member === undefined) throw new RangeError(`no layer is called "${from}"`);
  if (request.specifier === null) {
    if (request.kind === 'dynamic' && member.layer.loads.some(({ file }) => request.file === `${member.layer.path}/${file}`)) return undefined;
    return { code: 'L7', message: `A computed ${request.kind} cannot be checked, neither here nor by a reader. Write the name as one string literal.` };
  }
  const target = classify(request.specifier);
  switch (target.kind) {
    case 'builtin': return undefined;
    case 'elsewhere': return { code: 'L3', message: `"${request.specifier}" is an absolute path or URL, which no row can allow. Import a package by its name.` };
    case 'relative': return judgePath(house, member, request, target.path);
    case 'alias': return judgeAlias(member, target.key);
    case 'package': return judgePackage(house, member, request, target);
  }
}

function judgePath(house: House, { layer }: Member, request: ImportRequest, path: string): Verdict {
  const reached = posix.join(posix.dirname(request.file), path);
  const other = layerLinkedAt(house.layers, reached) ?? layerAt(house.layers, reached);
  // Files of the repository may be read (a document, a script); a file of another package may not.
  if (request.kind === 'url' && (other === undefined || other === layer)) return undefined;
  const stays = isWithin(layer.path, reached) && !reached.includes('/node_modules/');
  if (!stays) return { code: 'L3', message: `This path leaves ${layer.name}. ${wayOut(house, layer, other, request.file)}` };
  const inside = (file: string): string => file.slice(layer.path.length + 1);
  const isSource = /\.[cm]?[jt]sx?$/.test(reached) && !reached.endsWith('.d.ts');
  if (isSource && isDevelopment(inside(reached)) && !isDevelopment(inside(request.file))) {
    return { code: 'L5', message: `Run-time code of ${layer.name} imports its development code (${inside(reached)}), which is not shipped and is judged by looser rules.` };
  }
  return undefined;
}

function wayOut(house: House, from: Layer, other: Layer | undefined, file: string): string {
  const development = isDevelopment(file.slice(from.path.length + 1));
  if (other === undefined || other === from) return legalWay(from, development);
  if (!mayImport(from, other.name, development)) return shutDoor(house.layers, from, other, development);
  return `Import ${other.npmName} by its name.`;
}

// Where the entry leads is judged once, at the map itself.
function judgeAlias({ layer, manifest }: Member, key: string): Verdict {
  if (entryFor(manifest.imports, key) !== undefined) return undefined;
  return { code: 'L6', message: `"${key}" is not in the imports map of ${layer.name}.` };
}

function judgePackage(house: House, member: Member, request: ImportRequest, target: { name: string; subpath: string }): Verdict {
  const { layer } = member;
  const development = isDevelopment(request.file.slice(layer.path.length + 1));
  const to = layerNamed(house.layers, target.name);
  if (to === undefined) {
    const because = house.outsiders.get(target.name);
    if (because === undefined) return judgeThirdParty(house, member, request, target.name, development);
    return { code: 'L1', message: `${target.name} is outside the layers (${because}), so no package may import it. ${legalWay(layer, development)}` };
  }
  if (to !== layer) {
    if (!mayImport(layer, to.name, development)) return { code: 'L1', message: shutDoor(house.layers, layer, to, development) };
    const verdict = judgeDeclaration(member, target.name, development);
    if (verdict !== undefined) return verdict;
  }
  const exports = house.members.get(to.name)?.manifest.exports ?? [];
  if (exports.every((map) => exposes(map, target.subpath))) return undefined;
  return { code: 'L2', message: `${to.name} does not export "${target.subpath}". Import "${to.npmName}"; what is missing there, ${to.name} has to export.` };
}

function judgeThirdParty(house: House, member: Member, request: ImportRequest, name: string, development: boolean): Verdict {
  const types = `@types/${name.replace(/^@(.+)\/(.+)$/, '$1__$2')}`;
  if (request.typeOnly && (house.shared.has(types) || fieldsOf(member, types).length > 0)) return undefined;
  if (development && house.shared.has(name)) return undefined;
  return judgeDeclaration(member, name, development);
}

function judgeDeclaration(member: Member, name: string, development: boolean): Verdict {
  const fields = fieldsOf(member, name);
  if (fields.length === 0) return { code: 'L4', message: `${member.manifest.file} does not declare ${name}.` };
  if (development || fields.some((field) => field !== 'devDependencies')) return undefined;
  return { code: 'L5', message: `${name} is only a devDependency, so whoever installs ${member.layer.name} does not get it. Declare it in dependencies.` };
}

function fieldsOf({ manifest }: Member, name: string): DependencyField[] {
  return manifest.dependencies.filter((dependency) => dependency.name === name).map((dependency) => dependency.field);
}
