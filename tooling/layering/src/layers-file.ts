// The declaration of the layers: its shape, and what must hold between its rows. No file access.
import { z } from 'zod';
import { findCycle } from './graph.ts';
import { ConfigError } from './violation.ts';

const folder = z.string().regex(/^(?!\.{0,2}\/)[^\\]*[^\\/]$/, 'a folder relative to the workspace root, with "/" and without a trailing one');

const rowSchema = z.strictObject({
  path: folder,
  is: z.string().min(1),
  uses: z.array(z.string()),
  'uses-in-tests': z.array(z.string()).default([]),
  doors: z.array(z.strictObject({ to: z.array(z.string()).min(1), because: z.string().min(1) })).default([]),
  /** Files, in the package, that load a module of the user's by a name only he knows. */
  loads: z.array(z.strictObject({ file: folder, because: z.string().min(1) })).default([]),
});

const fileSchema = z.strictObject({
  $schema: z.string().optional(),
  scope: z.string().regex(/^@[^/\s]+$/, 'an npm scope such as "@siov"'),
  packages: z.record(z.string().min(1), rowSchema),
  /** Workspace folders that are no layer: nobody may import them and their code is not judged. */
  outside: z.array(z.strictObject({ path: folder, because: z.string().min(1) })).default([]),
});

/** A shut door: the packages behind it, and the sentence that shut it. */
export interface Door {
  readonly to: readonly string[];
  readonly because: string;
}

/** One row: a package, what it is, and all it may import. */
export interface Layer {
  readonly name: string;
  readonly npmName: string;
  readonly path: string;
  readonly is: string;
  readonly uses: readonly string[];
  readonly usesInTests: readonly string[];
  readonly doors: readonly Door[];
  /** Files of the package whose dynamic imports are computed, and why they have to be. */
  readonly loads: readonly { readonly file: string; readonly because: string }[];
}

export interface Layers {
  readonly scope: string;
  readonly rows: ReadonlyMap<string, Layer>;
  readonly outside: readonly { readonly path: string; readonly because: string }[];
}

/** Throws a ConfigError that names every broken row. `file` is only for the message. */
export function parseLayers(value: unknown, file: string): Layers {
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    throw new ConfigError(file, parsed.error.issues.map((issue) => `${issue.path.join('.') || 'top level'}: ${issue.message}`));
  }
  const { scope, packages, outside } = parsed.data;
  const rows = new Map(Object.entries(packages).map(([name, row]): [string, Layer] => [name, {
    name,
    npmName: `${scope}/${name}`,
    path: row.path,
    is: row.is,
    uses: row.uses,
    usesInTests: row['uses-in-tests'],
    doors: row.doors,
    loads: row.loads,
  }]));
  const layers = { scope, rows, outside };
  const problems = [...[...rows.values()].flatMap((row) => rowProblems(rows, row)), ...pathProblems(layers), ...cycleProblems(rows)];
  if (problems.length > 0) throw new ConfigError(file, problems);
  return layers;
}

function rowProblems(rows: ReadonlyMap<string, Layer>, row: Layer): string[] {
  const problems: string[] = [];
  const shut = row.doors.flatMap((door) => door.to);
  for (const [key, names] of [['uses', row.uses], ['uses-in-tests', row.usesInTests], ['doors', shut]] as const) {
    for (const name of names) {
      if (!rows.has(name)) problems.push(`${row.name}: unknown package "${name}" in ${key}`);
      if (name === row.name) problems.push(`${row.name}: names itself in ${key}`);
    }
  }
  const used = [...row.uses, ...row.usesInTests];
  for (const name of new Set(used.filter((name, index) => used.indexOf(name) !== index))) {
    problems.push(`${row.name}: "${name}" is on the row twice`);
  }
  // A door may be shut to the package and open to its tests; never both for the package itself.
  for (const name of shut.filter((name) => row.uses.includes(name))) {
    problems.push(`${row.name}: "${name}" is in uses and behind a shut door`);
  }
  return problems;
}

function pathProblems({ rows, outside }: Layers): string[] {
  const folders = [...[...rows.values()].map((row) => ({ who: row.name, path: row.path })), ...outside.map(({ path }) => ({ who: 'outside', path }))];
  return folders.flatMap((a, index) => folders.slice(index + 1).flatMap((b) => {
    if (a.path === b.path) return [`${a.who} and ${b.who} have the same path ${a.path}`];
    if (isWithin(a.path, b.path) || isWithin(b.path, a.path)) return [`${a.who} (${a.path}) and ${b.who} (${b.path}) lie in each other`];
    return [];
  }));
}

function cycleProblems(rows: ReadonlyMap<string, Layer>): string[] {
  // Tests count: package manager and task runner build in the order of the whole graph.
  const cycle = findCycle(new Map([...rows.values()].map((row) => [row.name, [...row.uses, ...row.usesInTests]])));
  return cycle === undefined || new Set(cycle).size === 1 ? [] : [`cycle: ${cycle.join(' -> ')}`];
}

/** Whether a path is the folder or lies in it; both relative to the same root, with "/". */
export function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
