// Which resources source code asks for: each has to be refused in some test.
import { readdirSync, readFileSync } from 'node:fs';

/** A place that asks the machine for something. */
export interface AskedInSource {
  /** File and line. */
  readonly at: string;
  /** What the names of the resource look like; null: the source names it by a value that only a run knows. */
  readonly names: RegExp | null;
}

/** `.grant(name)` and `new IdAllocator(state, name, ...)` in the TypeScript files of a folder. */
export function resourcesAskedIn(folder: URL): AskedInSource[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.sort().flatMap((file) => askedIn(file, readFileSync(new URL(file, folder), 'utf8')));
}

const ASKS = /\.grant\(\s*(?<granted>`[^`]*`|'[^']*'|[\w.#]+)\s*\)|new IdAllocator\(\s*[^,]+,\s*(?<named>`[^`]*`|'[^']*'|[\w.#]+)\s*,/g;

export function askedIn(file: string, source: string): AskedInSource[] {
  return [...source.matchAll(ASKS)].flatMap(({ index, groups }) => {
    const at = `${file}:${source.slice(0, index).split('\n').length}`;
    return namesOf(groups?.['granted'] ?? groups?.['named'] ?? '', source).map((names) => ({ at, names }));
  });
}

function namesOf(expression: string, source: string): (RegExp | null)[] {
  if (/^['`]/.test(expression)) return [literal(expression)];
  // One of a list just above: for (const resource of ['a', 'b']).
  const list = new RegExp(`const ${expression.replace(/[^\w]/g, '\\$&')} of \\[([^\\]]*)\\]`).exec(source)?.[1];
  return list === undefined ? [null] : [...list.matchAll(/'[^']*'/g)].map(([text]) => literal(text));
}

function literal(quoted: string): RegExp {
  const parts = quoted.slice(1, -1).split(/\$\{[^}]*\}/);
  return new RegExp(`^${parts.map((part) => part.replace(/[^\w]/g, '\\$&')).join('.+')}$`);
}
