// The whole check: every source, every manifest, every tsconfig of every layer, held against the declaration.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { extractImports } from './extract.ts';
import { isDevelopment, layerAt } from './house.ts';
import type { Member } from './house.ts';
import { judgeImport } from './judge.ts';
import { judgeManifest } from './judge-manifest.ts';
import { judgeTsconfig } from './judge-tsconfig.ts';
import { isWithin } from './layers-file.ts';
import type { Layer } from './layers-file.ts';
import type { Workspace } from './load.ts';
import { shutDoor } from './sentences.ts';
import { sourceFiles, tsconfigFiles } from './source-files.ts';
import type { SourceFile } from './source-files.ts';
import { classify } from './specifier.ts';
import { positions } from './text-position.ts';
import type { Violation } from './violation.ts';
import { readJson } from './workspace.ts';

export interface Report {
  readonly packages: number;
  readonly imports: number;
  readonly violations: readonly Violation[];
}

/** Throws a ConfigError where a tsconfig cannot be read. */
export function check(workspace: Workspace): Report {
  const perLayer = [...workspace.house.members.values()].map((member) => checkMember(workspace, member));
  return {
    packages: perLayer.length,
    imports: perLayer.reduce((sum, { imports }) => sum + imports, 0),
    violations: [...perLayer.flatMap(({ violations }) => violations), ...checkTsconfigs(workspace, '', undefined)],
  };
}

function checkMember(workspace: Workspace, member: Member): { imports: number; violations: Violation[] } {
  const { root, house, sources } = workspace;
  const { layer, manifest } = member;
  const usage = { runtime: new Set<string>(), development: new Set<string>() };
  const files = sourceFiles(root, layer.path).map((source) => checkFile(workspace, layer, source, usage));
  const manifestFindings = judgeManifest(house, member, usage).map(({ code, message, at }) => {
    const place = sources.get(layer.name)?.at(...at) ?? { line: 1, column: 1 };
    return { code, message, package: layer.name, file: manifest.file, ...place };
  });
  return {
    imports: files.reduce((sum, { imports }) => sum + imports, 0),
    violations: [...files.flatMap(({ violations }) => violations), ...manifestFindings, ...checkTsconfigs(workspace, layer.path, layer)],
  };
}

function checkFile({ root, house }: Workspace, layer: Layer, source: SourceFile, usage: Record<'runtime' | 'development', Set<string>>): { imports: number; violations: Violation[] } {
  const { file } = source;
  const here = { package: layer.name, file };
  const development = isDevelopment(file.slice(layer.path.length + 1));
  if (source.link !== undefined) return { imports: 0, violations: linkViolations(house.layers, layer, source.link, file, development) };
  const text = readFileSync(join(root, file), 'utf8');
  const { imports, fault } = extractImports(file, text);
  const place = positions(text);
  const violations: Violation[] = fault === undefined ? [] : [{ code: 'S1', message: `Does not parse: ${fault.message}.`, ...here, ...place(fault.offset) }];
  for (const { kind, specifier, typeOnly, offset } of imports) {
    const target = specifier === null ? undefined : classify(specifier);
    if (target?.kind === 'package') (development ? usage.development : usage.runtime).add(target.name);
    const verdict = judgeImport(house, layer.name, { kind, specifier, typeOnly, file });
    if (verdict !== undefined) violations.push({ ...verdict, ...here, ...place(offset), ...(specifier === null ? {} : { specifier }) });
  }
  return { imports: imports.length, violations };
}

function linkViolations(layers: Workspace['house']['layers'], layer: Layer, link: string, file: string, development: boolean): Violation[] {
  if (isWithin(layer.path, link)) return [];
  const other = layerAt(layers, link);
  const sentence = other === undefined ? '' : ` ${shutDoor(layers, layer, other, development)}`;
  return [{ code: 'L3', message: `A symbolic link that leaves ${layer.name}.${sentence}`, package: layer.name, file, line: 1, column: 1 }];
}

// Files that a tsconfig extends are other tsconfigs of the package or shared ones of the root, and are judged there.
function checkTsconfigs({ root, house }: Workspace, folder: string, layer: Layer | undefined): Violation[] {
  return tsconfigFiles(root, folder).flatMap((file) => {
    const source = readJson(join(root, file));
    return judgeTsconfig(house, file, source.value, layer).map(({ code, message, at }) =>
      ({ code, message, package: layer?.name ?? '(workspace)', file, ...source.at(...at) }));
  });
}
