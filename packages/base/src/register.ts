// A register is declared once, as data: offset, width, fields, reset value, access, source. Drivers and hardware models
// read and write it through that declaration, so neither has masks or shifts of its own.
import { ModelError } from './errno.ts';

export type Width = 8 | 16 | 32 | 64;

/**
 * What a bus write does to a field: `rw` takes the value, `ro` ignores it, `rw1c` clears bits written as 1, `wo` takes
 * it and reads 0. `rw:<gate>` is `rw` while the gate is open (a device state) and `ro` otherwise.
 */
export type Access = 'rw' | 'ro' | 'rw1c' | 'wo' | `rw:${string}`;

declare const registerName: unique symbol;
/** The image of one register: a number, or a bigint for 64-bit registers, that only its own register makes. */
export type Image<N extends string, W extends Width> = (W extends 64 ? bigint : number) & { readonly [registerName]: N };

/** The image type of a declared register. */
export type ImageOf<R> = R extends { reset: infer I } ? I : never;

export interface FieldSpec<V extends number | bigint> {
  readonly hi: number;
  readonly lo: number;
  readonly access: Access | undefined;
  readonly wide: V extends bigint ? true : false;
}

/** One bit. Access defaults to the register's. */
export function bit(position: number, access?: Access): FieldSpec<number> {
  return { hi: position, lo: position, access, wide: false };
}

/** Bits `hi` to `lo`, both included, at most 32 of them. */
export function bits(hi: number, lo: number, access?: Access): FieldSpec<number> {
  return { hi, lo, access, wide: false };
}

/** Bits `hi` to `lo` of a 64-bit register, more than 32 of them: the value is a bigint. */
export function wideBits(hi: number, lo: number, access?: Access): FieldSpec<bigint> {
  return { hi, lo, access, wide: true };
}

export interface Field<N extends string, W extends Width, V extends number | bigint = number> {
  readonly name: string;
  readonly hi: number;
  readonly lo: number;
  readonly access: Access;
  get(image: Image<N, W>): V;
  /** The image with this field set. Throws {@link ModelError} when `value` does not fit the field. */
  set(image: Image<N, W>, value: V): Image<N, W>;
}

type Specs = Readonly<Record<string, FieldSpec<number> | FieldSpec<bigint>>>;
type ValueOf<S> = S extends FieldSpec<infer V> ? V : never;
export type FieldValues<F> = { [K in keyof F]?: ValueOf<F[K]> };

export interface RegisterBase<N extends string, W extends Width, F extends Specs> {
  readonly name: N;
  /** Bytes from the start of its window, table entry or structure. */
  readonly offset: number;
  readonly width: W;
  readonly reset: Image<N, W>;
  /** Where the declaration comes from: specification section or kernel file. */
  readonly source: string;
  readonly fields: readonly Field<N, W, number | bigint>[];
  /** A raw bus value as an image; bits outside the width are cut. */
  image(raw: number | bigint): Image<N, W>;
  /** The reset image with some fields set. */
  of(values: FieldValues<F>): Image<N, W>;
  /** All fields by name, for printing. */
  decode(image: Image<N, W>): { [K in keyof F]: ValueOf<F[K]> };
  /** What the register holds after a bus write of `raw`. `open` tells whether a gate (of `rw:<gate>`) is open. */
  afterWrite(held: Image<N, W>, raw: number | bigint, open?: (gate: string) => boolean): Image<N, W>;
  /** What a bus read of it returns: write-only fields read 0. */
  readValue(held: Image<N, W>): Image<N, W>;
}

export type Register<N extends string, W extends Width, F extends Specs> = RegisterBase<N, W, F> & {
  readonly [K in keyof F]: Field<N, W, ValueOf<F[K]>>;
};

/** Any declared register, for code that handles them all alike (a register file, a printer). */
export interface AnyRegister {
  readonly name: string;
  readonly offset: number;
  readonly width: Width;
  readonly source: string;
  readonly reset: number | bigint;
}

export interface RegisterOptions<W extends Width> {
  readonly offset: number;
  /** Bits; 32 unless said. */
  readonly width?: W;
  readonly reset?: number | bigint;
  /** The access of fields that name none; `rw` unless said. */
  readonly access?: Access;
  readonly source: string;
}

const TAKEN = new Set(['name', 'offset', 'width', 'reset', 'source', 'fields', 'image', 'of', 'decode', 'afterWrite', 'readValue']);

/**
 * Declares a register. Throws {@link ModelError} at load when fields overlap, leave the width or take a member's name.
 * Bits in no field are reserved: they read 0 and writes to them are ignored.
 */
export function register<const N extends string, F extends Specs, W extends Width = 32>(
  name: N,
  options: RegisterOptions<W>,
  specs: F,
): Register<N, W, F> {
  const width = (options.width ?? 32) as W;
  const access = options.access ?? 'rw';
  checkFields(name, width, specs);
  const arithmetic = width === 64 ? bigArithmetic : smallArithmetic(width);
  const fields: Record<string, Field<N, W, number | bigint>> = {};
  for (const [key, spec] of Object.entries(specs)) {
    fields[key] = arithmetic.field(name, key, spec, spec.access ?? access) as unknown as Field<N, W, number | bigint>;
  }
  const list = Object.values(fields);
  const image = (raw: number | bigint) => arithmetic.image(raw) as Image<N, W>;
  const mask = (wanted: Access) =>
    list.reduce((sum, field) => (field.access === wanted ? arithmetic.or(sum, arithmetic.mask(field.hi, field.lo)) : sum), arithmetic.zero);
  const plain = arithmetic.or(mask('rw'), mask('wo'));
  const clearing = mask('rw1c');
  const readable = arithmetic.not(mask('wo'));
  const gates = [...new Set(list.map((field) => field.access))]
    .filter((each) => each.startsWith('rw:'))
    .map((each) => ({ gate: each.slice(3), mask: mask(each) }));
  const base: RegisterBase<N, W, F> = {
    name,
    offset: options.offset,
    width,
    reset: image(options.reset ?? 0),
    source: options.source,
    fields: list,
    image,
    of(values) {
      let made = base.reset;
      for (const [key, value] of Object.entries(values)) made = (fields[key] as Field<N, W, number | bigint>).set(made, value as number);
      return made;
    },
    decode: (held) =>
      Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.get(held)])) as { [K in keyof F]: ValueOf<F[K]> },
    afterWrite(held, raw, open = () => true) {
      let taken = plain;
      for (const { gate, mask: gated } of gates) if (open(gate)) taken = arithmetic.or(taken, gated);
      return arithmetic.merge(held, raw, taken, clearing) as Image<N, W>;
    },
    readValue: (held) => arithmetic.and(held, readable) as Image<N, W>,
  };
  return Object.freeze({ ...base, ...fields }) as unknown as Register<N, W, F>;
}

function checkFields(name: string, width: Width, specs: Specs): void {
  let used = 0n;
  for (const [key, { hi, lo, wide }] of Object.entries(specs)) {
    const where = `register ${name}, field ${key}`;
    if (TAKEN.has(key)) throw new ModelError(`${where}: the name is taken by the register itself`);
    if (!(lo >= 0 && hi >= lo && hi < width)) throw new ModelError(`${where}: bits ${hi}:${lo} do not fit ${width} bits`);
    if (hi - lo >= 32 !== wide) throw new ModelError(`${where}: more than 32 bits are declared with wideBits, others with bits`);
    const mask = bigArithmetic.mask(hi, lo);
    if ((used & mask) !== 0n) throw new ModelError(`${where}: bits ${hi}:${lo} overlap another field`);
    used |= mask;
  }
}

function mustFit(register: string, field: string, value: number | bigint, largest: number | bigint): void {
  if (!(value >= 0 && value <= largest) || (typeof value === 'number' && !Number.isInteger(value))) {
    throw new ModelError(`register ${register}, field ${field}: ${value} is not in 0..${largest}`);
  }
}

type RawField = Pick<Field<string, Width, number | bigint>, 'name' | 'hi' | 'lo' | 'access'> & {
  get(image: number | bigint): number | bigint;
  set(image: number | bigint, value: number | bigint): number | bigint;
};

/**
 * A field of a register of up to 32 bits. A class, not closures, so that who reads it on the way of every interrupt has it
 * inlined; and its own fields are declared, not defined, so that each is written once and is a constant to the engine.
 */
class SmallField implements RawField {
  declare readonly name: string;
  declare readonly hi: number;
  declare readonly lo: number;
  declare readonly access: Access;
  declare readonly register: string;
  /** Ones where the field is, as an integer: larger numbers would be objects to the engine. */
  declare readonly place: number;

  constructor(register: string, name: string, { hi, lo, access, place }: { hi: number; lo: number; access: Access; place: number }) {
    this.register = register;
    this.name = name;
    this.hi = hi;
    this.lo = lo;
    this.access = access;
    this.place = place | 0;
  }

  get(image: number | bigint): number {
    return ((image as number) & this.place) >>> this.lo;
  }

  set(image: number | bigint, value: number | bigint): number {
    mustFit(this.register, this.name, value, this.place >>> this.lo);
    return (((image as number) & ~this.place) | ((value as number) << this.lo)) >>> 0;
  }
}

/** A field of a register of 64 bits; one of up to 32 bits still gives numbers. */
class LargeField implements RawField {
  readonly name: string;
  readonly hi: number;
  readonly lo: number;
  readonly access: Access;
  readonly #register: string;
  readonly #place: bigint;
  readonly #shift: bigint;
  readonly #wide: boolean;

  constructor(register: string, name: string, { hi, lo, wide }: { hi: number; lo: number; wide: boolean }, access: Access) {
    this.#register = register;
    this.name = name;
    this.hi = hi;
    this.lo = lo;
    this.access = access;
    this.#place = bigArithmetic.mask(hi, lo);
    this.#shift = BigInt(lo);
    this.#wide = wide;
  }

  get(image: number | bigint): number | bigint {
    const value = ((image as bigint) & this.#place) >> this.#shift;
    return this.#wide ? value : Number(value);
  }

  set(image: number | bigint, value: number | bigint): bigint {
    mustFit(this.#register, this.name, value, this.#place >> this.#shift);
    return ((image as bigint) & ~this.#place) | (BigInt(value) << this.#shift);
  }
}

/** What fits a bit operation. A bigint is cut first: as a number it would lose its low bits. */
function low32(raw: number | bigint): number {
  return typeof raw === 'bigint' ? Number(BigInt.asUintN(32, raw)) : raw;
}

/** Up to 32 bits: numbers, always unsigned. */
function smallArithmetic(width: Width) {
  const all = width === 32 ? 0xffffffff : 2 ** width - 1;
  const mask = (hi: number, lo: number) => (((hi - lo === 31 ? 0xffffffff : 2 ** (hi - lo + 1) - 1) << lo) >>> 0) & all;
  return {
    zero: 0,
    mask: (hi: number, lo: number) => mask(hi, lo) >>> 0,
    or: (a: number | bigint, b: number | bigint) => ((a as number) | (b as number)) >>> 0,
    and: (a: number | bigint, b: number | bigint) => ((a as number) & (b as number)) >>> 0,
    not: (a: number | bigint) => (~(a as number) & all) >>> 0,
    image: (raw: number | bigint) => (low32(raw) & all) >>> 0,
    merge: (held: number | bigint, raw: number | bigint, taken: number | bigint, clearing: number | bigint) => {
      const [h, r, t, c] = [held as number, low32(raw), taken as number, clearing as number];
      return ((h & ~t & ~(r & c)) | (r & t)) >>> 0;
    },
    field: (register: string, name: string, { hi, lo }: { hi: number; lo: number }, access: Access): RawField =>
      new SmallField(register, name, { hi, lo, access, place: mask(hi, lo) >>> 0 }),
  };
}

/** 64 bits: bigints. */
const bigArithmetic = {
  zero: 0n,
  mask: (hi: number, lo: number) => ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo),
  or: (a: number | bigint, b: number | bigint) => (a as bigint) | (b as bigint),
  and: (a: number | bigint, b: number | bigint) => (a as bigint) & (b as bigint),
  not: (a: number | bigint) => BigInt.asUintN(64, ~(a as bigint)),
  image: (raw: number | bigint) => BigInt.asUintN(64, BigInt(raw)),
  merge: (held: number | bigint, raw: number | bigint, taken: number | bigint, clearing: number | bigint) => {
    const [h, r, t, c] = [held as bigint, BigInt(raw), taken as bigint, clearing as bigint];
    return BigInt.asUintN(64, (h & ~t & ~(r & c)) | (r & t));
  },
  field: (register: string, name: string, spec: { hi: number; lo: number; wide: boolean }, access: Access): RawField => new LargeField(register, name, spec, access),
};
