// Subpath maps of package.json (`exports` and `imports`), as Node resolves them, without touching files.

/** Every target a map entry can lead to, whatever the conditions; `null` targets lead nowhere. */
export function targetsOf(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry];
  if (Array.isArray(entry)) return entry.flatMap(targetsOf);
  if (typeof entry === 'object' && entry !== null) return Object.values(entry).flatMap(targetsOf);
  return [];
}

/** The entry Node would take for a key: the exact one, else the pattern with the longest part before its `*`. */
export function entryFor(map: Readonly<Record<string, unknown>>, key: string): unknown {
  if (Object.hasOwn(map, key) && !key.includes('*')) return map[key];
  const patterns = Object.keys(map).filter((pattern) => matches(pattern, key));
  const best = patterns.sort((a, b) => b.indexOf('*') - a.indexOf('*') || b.length - a.length)[0];
  return best === undefined ? undefined : map[best];
}

function matches(pattern: string, key: string): boolean {
  const [before, after, more] = pattern.split('*');
  if (before === undefined || after === undefined || more !== undefined) return false;
  return key.length > before.length + after.length && key.startsWith(before) && key.endsWith(after);
}

/** Whether `exports` opens a subpath (`.` or `./x`) at all. Without the field only the package itself is open. */
export function exposes(exports: unknown, subpath: string): boolean {
  if (exports === undefined) return subpath === '.';
  const isMap = typeof exports === 'object' && exports !== null && !Array.isArray(exports);
  const map = isMap && Object.keys(exports).some((key) => key.startsWith('.')) ? (exports as Record<string, unknown>) : { '.': exports };
  return targetsOf(entryFor(map, subpath)).length > 0;
}
