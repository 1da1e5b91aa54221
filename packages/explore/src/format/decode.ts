// Readers of JSON that somebody else wrote: each gives the typed value, or says which value at which place breaks which rule.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { CellValue } from '../report.ts';
import { fromJson, shown } from './plain-json.ts';
import type { Json } from './plain-json.ts';

export type Decoder<T> = (json: Json | undefined, at: string) => Result<T, 'EINVAL'>;

type Fields<T> = { readonly [K in keyof T]-?: Decoder<Exclude<T[K], undefined>> };

function broken(json: Json | undefined, at: string, rule: string): Result<never, 'EINVAL'> {
  return fail('EINVAL', json === undefined ? `${at} is missing: it has to be ${rule}` : `${at}: ${shown(json)} is not ${rule}`);
}

export const text: Decoder<string> = (json, at) => (typeof json === 'string' ? ok(json) : broken(json, at, 'a text'));

export const truth: Decoder<boolean> = (json, at) => (typeof json === 'boolean' ? ok(json) : broken(json, at, 'true or false'));

/** A whole number from 0. */
export const count: Decoder<number> = (json, at) =>
  typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 ? ok(json) : broken(json, at, 'a whole number from 0');

/** Plain data as `toJson` writes it. */
export const plain: Decoder<CellValue> = (json, at) => (json === undefined ? broken(json, at, 'plain data') : fromJson(json, at));

export function oneOf<T extends string | number>(values: readonly T[]): Decoder<T> {
  return (json, at) => {
    const found = values.find((value) => value === json);
    return found === undefined ? broken(json, at, values.length === 1 ? shown(values[0] as T) : `one of ${values.join(', ')}`) : ok(found);
  };
}

export function orNull<T>(decoder: Decoder<T>): Decoder<T | null> {
  return (json, at) => (json === null ? ok(null) : decoder(json, at));
}

export function list<T>(decoder: Decoder<T>): Decoder<readonly T[]> {
  return (json, at) => {
    if (!Array.isArray(json)) return broken(json, at, 'a list');
    const values: T[] = [];
    for (const [index, each] of json.entries()) {
      const value = decoder(each as Json, `${at}[${index}]`);
      if (!value.ok) return value;
      values.push(value.value);
    }
    return ok(values);
  };
}

/** A record of exactly these fields; those of `optional` may be missing. A field that is not known is a typing mistake. */
export function fields<T extends object>(decoders: Fields<T>, optional: readonly (keyof T)[] = []): Decoder<T> {
  return (json, at) => {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return broken(json, at === '' ? 'the whole' : at, 'a record');
    const names = Object.keys(decoders) as (keyof T & string)[];
    const unknown = Object.keys(json).find((name) => !Object.hasOwn(decoders, name));
    if (unknown !== undefined) return fail('EINVAL', `${inside(at, unknown)}: no such field; there are ${names.join(', ')}`);
    const values: [string, unknown][] = [];
    for (const name of names) {
      if (!Object.hasOwn(json, name) && optional.includes(name)) continue;
      const content = Object.hasOwn(json, name) ? (json as { readonly [field: string]: Json })[name] : undefined;
      const value = decoders[name](content, inside(at, name));
      if (!value.ok) return value;
      values.push([name, value.value]);
    }
    return ok(Object.fromEntries(values) as T);
  };
}

function inside(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`;
}
