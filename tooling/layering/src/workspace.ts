// The workspace on disk: where its root is, which folders the package manager takes for packages.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { record } from './house.ts';
import { readJsonSource } from './json-source.ts';
import type { JsonSource } from './json-source.ts';
import { ConfigError } from './violation.ts';

const DECLARATIONS = ['layers.json', 'tooling/layering/layers.json'];

/** The nearest folder at or above `from` that declares a workspace. */
export function findRoot(from: string): string {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'pnpm-workspace.yaml'))) return folder;
    if (existsSync(join(folder, 'package.json')) && npmPatterns(folder) !== undefined) return folder;
    if (folder === dirname(folder)) throw new ConfigError(from, ['no workspace here or above: no pnpm-workspace.yaml, and no package.json with "workspaces"']);
  }
}

/** The declaration of a workspace, where nobody names one. */
export function findDeclaration(root: string): string {
  const found = DECLARATIONS.map((name) => join(root, name)).find((file) => existsSync(file));
  if (found === undefined) throw new ConfigError(root, [`no ${DECLARATIONS.join(' and no ')}`]);
  return found;
}

/** Every folder that the workspace takes for a package, relative to the root. */
export function packageFolders(root: string): string[] {
  const patterns = existsSync(join(root, 'pnpm-workspace.yaml')) ? pnpmPatterns(root) : (npmPatterns(root) ?? []);
  const expand = (pattern: string): string[] =>
    globSync(`${pattern.replace(/^!/, '').replace(/\/$/, '')}/package.json`, { cwd: root, exclude: (path) => /(?:^|\/)node_modules$/.test(path) });
  const excluded = new Set(patterns.filter((pattern) => pattern.startsWith('!')).flatMap(expand));
  const included = patterns.filter((pattern) => !pattern.startsWith('!')).flatMap(expand);
  return [...new Set(included.filter((file) => !excluded.has(file)).map((file) => dirname(file).replaceAll('\\', '/')))].sort();
}

// Only the one list is needed, so only a list of plain strings is understood; anything else is refused, not guessed.
function pnpmPatterns(root: string): string[] {
  const file = join(root, 'pnpm-workspace.yaml');
  const lines = readFileSync(file, 'utf8').split(/\r?\n/).map((line) => line.replace(/(?:^|\s)#.*$/, '').trimEnd()).filter((line) => line !== '');
  const start = lines.findIndex((line) => /^packages\s*:/.test(line));
  const patterns: string[] = [];
  for (const line of start === -1 ? [] : lines.slice(start + 1)) {
    const item = /^\s*-\s+(?:"([^"]+)"|'([^']+)'|([^\s"'[\]{}&*!|>][^\s:]*))$/.exec(line);
    if (item === null && /^\S/.test(line)) break;
    if (item === null) throw new ConfigError(file, [`cannot read this entry of packages: ${line.trim()}`]);
    patterns.push((item[1] ?? item[2] ?? item[3] ?? '').replace(/^\.\//, ''));
  }
  if (patterns.length === 0) throw new ConfigError(file, ['no list of "packages", one per line']);
  return patterns;
}

function npmPatterns(folder: string): string[] | undefined {
  const { workspaces } = record(readJson(join(folder, 'package.json')).value);
  const list = Array.isArray(workspaces) ? workspaces : record(workspaces)['packages'];
  return Array.isArray(list) ? list.map((pattern) => String(pattern).replace(/^\.\//, '')) : undefined;
}

/** Throws a ConfigError that names the file. */
export function readJson(file: string): JsonSource {
  try {
    return readJsonSource(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(file, [error instanceof Error ? error.message : String(error)]);
  }
}
