// Plain data as JSON and back without loss: what JSON has no word for is an object with one field that begins with `#`.
import { fail, ModelError, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { CellValue } from '../report.ts';
import { cut } from './line.ts';
import { isList } from './value.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [field: string]: Json };

/** Levels of lists and records in each other. More is a mistake, or meant to exhaust the reader's stack. */
const DEEPEST = 200;

/**
 * `{"#bigint": "5"}`; `{"#number": "NaN"}` for NaN, infinities and -0; `{"#record": [[field, value], …]}` for a record
 * with a field that begins with `#`. A field that is undefined is left out. Throws ModelError on what nests deeper than
 * 200 levels.
 */
export function toJson(value: CellValue, level = 0): Json {
  if (level > DEEPEST) throw new ModelError(`plain data nests deeper than ${DEEPEST} levels`);
  if (typeof value === 'bigint') return { '#bigint': String(value) };
  if (typeof value === 'number') return numberJson(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((each) => toJson(each, level + 1));
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  const coded = entries.map(([field, each]): [string, Json] => [field, toJson(each, level + 1)]);
  return entries.some(([field]) => field.startsWith('#')) ? { '#record': coded } : Object.fromEntries(coded);
}

function numberJson(value: number): Json {
  if (Object.is(value, -0)) return { '#number': '-0' };
  return Number.isFinite(value) ? value : { '#number': String(value) };
}

/** The inverse. `at` is where the value stands, for the message. `EINVAL`: a `#` field that {@link toJson} does not write, or too deep. */
export function fromJson(json: Json, at: string, level = 0): Result<CellValue, 'EINVAL'> {
  if (level > DEEPEST) return fail('EINVAL', `${at}: nests deeper than ${DEEPEST} levels`);
  if (typeof json !== 'object' || json === null) return ok(json);
  if (isJsonList(json)) return listOf(json, at, level);
  const special = Object.keys(json).find((field) => field.startsWith('#'));
  return special === undefined ? recordOf(Object.entries(json), at, level) : specialOf(special, json, at, level);
}

function isJsonList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function listOf(json: readonly Json[], at: string, level: number): Result<CellValue, 'EINVAL'> {
  const values: CellValue[] = [];
  for (const [index, each] of json.entries()) {
    const value = fromJson(each, `${at}[${index}]`, level + 1);
    if (!value.ok) return value;
    values.push(value.value);
  }
  return ok(values);
}

function recordOf(entries: readonly (readonly [string, Json])[], at: string, level: number): Result<CellValue, 'EINVAL'> {
  const values: [string, CellValue][] = [];
  for (const [field, each] of entries) {
    const value = fromJson(each, `${at}.${field}`, level + 1);
    if (!value.ok) return value;
    values.push([field, value.value]);
  }
  return ok(Object.fromEntries(values));
}

const NUMBERS: ReadonlyMap<Json, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

function specialOf(field: string, json: { readonly [field: string]: Json }, at: string, level: number): Result<CellValue, 'EINVAL'> {
  if (Object.keys(json).length !== 1) return fail('EINVAL', `${at}: ${field} stands beside other fields, and has to stand alone`);
  const content = json[field] as Json;
  if (field === '#bigint') {
    const digits = typeof content === 'string' && /^-?\d+$/u.test(content);
    return digits ? ok(BigInt(content)) : fail('EINVAL', `${at}: ${shown(content)} is not the decimal digits of a #bigint`);
  }
  if (field === '#number') {
    const number = NUMBERS.get(content);
    if (number !== undefined) return ok(number);
    return fail('EINVAL', `${at}: ${shown(content)} is none of the #number NaN, Infinity, -Infinity, -0`);
  }
  if (field === '#record') {
    if (isJsonList(content) && content.every(isEntry)) return recordOf(content, at, level);
    return fail('EINVAL', `${at}: ${shown(content)} is not the [field, value] pairs of a #record`);
  }
  return fail('EINVAL', `${at}: the field ${field} is none of #bigint, #number, #record; others do not begin with #`);
}

function isEntry(json: Json): json is [string, Json] {
  return isJsonList(json) && json.length === 2 && typeof json[0] === 'string';
}

/** A value in a message. Not what is inside of it: that may nest deeper than the stack. */
export function shown(json: Json): string {
  if (typeof json !== 'object' || json === null) return cut(JSON.stringify(json), 60);
  return isJsonList(json) ? `a list of ${json.length}` : 'a record';
}
