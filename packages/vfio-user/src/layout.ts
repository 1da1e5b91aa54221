// Structures of the wire as data: a name and a width per field, packed, little-endian (host order of every platform
// this runs on). Reading and writing both follow from the declaration.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';

type Width = 'u16' | 'u32' | 'u64';
type Fields = Readonly<Record<string, Width>>;
export type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends 'u64' ? bigint : number };
/** The values of a declared layout. */
export type ValuesOf<L> = L extends Layout<infer F> ? Values<F> : never;

const BYTES = { u16: 2, u32: 4, u64: 8 } as const;

export interface Layout<F extends Fields> {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The values at the start of `bytes`; `EINVAL` when they are too few. More may follow. */
  read(bytes: Uint8Array): Result<Values<F>, 'EINVAL'>;
  /** Writes at the start of `bytes`. */
  write(bytes: Uint8Array, values: Values<F>): void;
  /** The bytes of `values` alone. */
  encode(values: Values<F>): Uint8Array<ArrayBuffer>;
}

export function layout<const F extends Fields>(name: string, fields: F): Layout<F> {
  const entries = Object.entries(fields);
  const size = entries.reduce((sum, [, width]) => sum + BYTES[width], 0);
  const read = (bytes: Uint8Array): Result<Values<F>, 'EINVAL'> => {
    if (bytes.length < size) return fail('EINVAL', `${name}: ${bytes.length} bytes of payload, ${size} are needed`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    const values: Record<string, number | bigint> = {};
    let at = 0;
    for (const [key, width] of entries) {
      values[key] = get(view, at, width);
      at += BYTES[width];
    }
    return ok(values as Values<F>);
  };
  const write = (bytes: Uint8Array, values: Values<F>): void => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, size);
    let at = 0;
    for (const [key, width] of entries) {
      set(view, at, width, values[key] as number | bigint);
      at += BYTES[width];
    }
  };
  const encode = (values: Values<F>) => {
    const bytes = new Uint8Array(size);
    write(bytes, values);
    return bytes;
  };
  return Object.freeze({ name, size, read, write, encode });
}

function get(view: DataView, at: number, width: Width): number | bigint {
  if (width === 'u64') return view.getBigUint64(at, true);
  return width === 'u32' ? view.getUint32(at, true) : view.getUint16(at, true);
}

function set(view: DataView, at: number, width: Width, value: number | bigint): void {
  if (width === 'u64') view.setBigUint64(at, value as bigint, true);
  else if (width === 'u32') view.setUint32(at, value as number, true);
  else view.setUint16(at, value as number, true);
}
