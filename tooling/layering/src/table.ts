// The layers as a markdown table, and the block of a document that holds it.
import type { Layer, Layers } from './layers-file.ts';

const BEGIN = '<!-- layers:begin -->';
const END = '<!-- layers:end -->';

export function layersTable({ rows }: Layers): string {
  return ['| package | is | may import |', '|---|---|---|', ...[...rows.values()].map(tableRow)].join('\n');
}

function tableRow({ name, is, uses, usesInTests }: Layer): string {
  const tests = usesInTests.length === 0 ? '' : `; in tests ${usesInTests.join(', ')}`;
  return `| \`${name}\` | ${is.replaceAll('|', '\\|')} | ${uses.length === 0 ? '-' : uses.join(', ')}${tests} |`;
}

/** The document with the table between its markers; `undefined` where it has no such pair, or more than one. */
export function withTable(document: string, table: string): string | undefined {
  const [before, block, none] = document.split(BEGIN);
  const [, after, more] = block?.split(END) ?? [];
  if (before === undefined || after === undefined || none !== undefined || more !== undefined) return undefined;
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}
