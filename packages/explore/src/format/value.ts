// What a cell holds, as one reads it in code: `5`, `5n`, `"five"`, `[1, 2]`, `{held: true}`.
import type { CellValue } from '../report.ts';
import { printable } from './line.ts';

export function isList(value: CellValue): value is readonly CellValue[] {
  return Array.isArray(value);
}

export function valueText(value: CellValue): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (isList(value)) return `[${value.map((each) => valueText(each)).join(', ')}]`;
  const fields = Object.entries(value).map(([field, each]) => `${fieldText(field)}: ${valueText(each)}`);
  return `{${fields.join(', ')}}`;
}

function fieldText(field: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(field) ? field : quoted(field);
}

function quoted(text: string): string {
  return printable(JSON.stringify(text));
}
