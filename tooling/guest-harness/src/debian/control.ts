// Debian's control format: stanzas of `Field: value`, continuation lines indented, stanzas separated by blank lines.
// A Packages index is 56 MB of it, so fields nobody asked for are skipped without being cut out of the text.

/** One stanza: field name to value, continuation lines joined with '\n' and stripped of their indent. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * The stanzas of a control file, in order. With `fields` only those are kept (names are compared without case, and
 * kept in the spelling of `fields`). Comment lines (`#`) are ignored, as deb822 sources have them.
 */
export function* parseControl(text: string, fields?: readonly string[]): Generator<Stanza> {
  const wanted = fields && new Map(fields.map((name) => [name.toLowerCase(), name]));
  let stanza = new Map<string, string>();
  let field: string | undefined;
  for (const line of lines(text)) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      if (stanza.size > 0) yield stanza;
      stanza = new Map();
      field = undefined;
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (field !== undefined) stanza.set(field, `${stanza.get(field) ?? ''}\n${line.trim()}`);
    } else {
      const colon = line.indexOf(':');
      if (colon < 0) continue;
      const name = line.slice(0, colon);
      field = wanted ? wanted.get(name.toLowerCase()) : name;
      if (field !== undefined) stanza.set(field, line.slice(colon + 1).trim());
    }
  }
  if (stanza.size > 0) yield stanza;
}

function* lines(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const stop = end < 0 ? text.length : end;
    yield text.slice(start, text[stop - 1] === '\r' ? stop - 1 : stop);
    start = stop + 1;
  }
}

/** The names one comma-separated element of a relation field accepts, in order of preference. */
export type Alternatives = readonly string[];

/**
 * A relation field (`Depends`, `Provides`) as alternatives per element. Versions, architecture qualifiers and
 * restrictions are dropped: inside two suites of one release there is one version of each name to choose.
 */
export function parseRelations(value: string | undefined): readonly Alternatives[] {
  if (value === undefined) return [];
  return value
    .split(',')
    .map((element) => element.split('|').map(relationName).filter((name) => name !== ''))
    .filter((alternatives) => alternatives.length > 0);
}

function relationName(text: string): string {
  return text.replace(/[([<].*$/s, '').trim().replace(/:[a-z0-9-]+$/, '');
}
