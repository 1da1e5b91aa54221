// A window of registers as a model holds it: declared registers placed at offsets, stored as words, read and written by
// the bus byte by byte and by the model register by register.
import { ModelError } from './errno.ts';
import type { AccessSize } from './access.ts';
import type { AnyRegister, Image, Width } from './register.ts';
import type { StatePort } from './state.ts';

/** A register as a file needs it: where it is does not matter here, what a write does to it does. */
export interface StoredRegister extends AnyRegister {
  afterWrite(held: never, raw: number | bigint, open?: (gate: string) => boolean): number | bigint;
  readValue(held: never): number | bigint;
}

/** A register of the file and its byte offset there. */
export interface Placement {
  readonly at: number;
  readonly register: StoredRegister;
}

type Named<N extends string, W extends Width> = StoredRegister & { readonly name: N; readonly width: W; readonly reset: Image<N, W> };

/** Where everything is in a file, and what it holds after a reset: the same for all files of the same registers. */
interface Layout {
  /** Placements that touch each word. */
  readonly byWord: readonly (readonly Placement[] | undefined)[];
  readonly reset: Uint32Array;
}

/** Made once for a list of placements: a device has thousands of registers, and tests make thousands of devices. */
const layouts = new WeakMap<readonly Placement[], Layout>();

function layoutOf(name: string, size: number, placements: readonly Placement[]): Layout {
  const known = layouts.get(placements);
  if (known !== undefined) return known;
  const byWord: Placement[][] = [];
  const reset = new Uint32Array((size + 3) >>> 2);
  for (const placement of placements) {
    const { at, register } = placement;
    const end = at + register.width / 8;
    if (end > size) throw new ModelError(`${name}: ${register.name} ends at ${end}, behind the ${size} bytes there are`);
    for (let word = at >>> 2; word * 4 < end; word++) {
      const there = (byWord[word] ??= []);
      const other = there.find((each) => each.at < end && at < each.at + each.register.width / 8);
      if (other !== undefined) throw new ModelError(`${name}: ${register.name} overlaps ${other.register.name}`);
      there.push(placement);
    }
    store(reset, at, register.width, register.reset);
  }
  const layout = { byWord, reset };
  layouts.set(placements, layout);
  return layout;
}

export class RegisterFile {
  readonly #words: Uint32Array;
  readonly #layout: Layout;

  /**
   * `size` bytes. Bytes no register covers read 0 and ignore writes. Throws {@link ModelError} on overlaps. Files of the
   * same list of placements, which must not change, share what is made of it.
   */
  constructor(state: StatePort, name: string, size: number, placements: readonly Placement[]) {
    this.#layout = layoutOf(name, size, placements);
    this.#words = state.words(`registers/${name}`, (size + 3) >>> 2);
    this.reset();
  }

  /** Every register back to its reset value. */
  reset(): void {
    this.#words.set(this.#layout.reset);
  }

  /** What a register holds, write-only fields included. `at`: its offset in the file; its declared one unless said. */
  get<N extends string, W extends Width>(register: Named<N, W>, at = register.offset): Image<N, W> {
    return this.#load(at, register.width) as Image<N, W>;
  }

  set<N extends string, W extends Width>(register: Named<N, W>, image: Image<N, W>, at = register.offset): void {
    store(this.#words, at, register.width, image);
  }

  /** A bus read of 1, 2 or 4 aligned bytes. */
  read(offset: number, size: AccessSize): number {
    const index = offset >>> 2;
    let word = this.#words[index] ?? 0;
    for (const { at, register } of this.#layout.byWord[index] ?? NONE) {
      word = replaceBytes(word, index, at, register.width, register.readValue(this.#load(at, register.width) as never));
    }
    return (size === 4 ? word : (word >>> ((offset & 3) * 8)) & (2 ** (size * 8) - 1)) >>> 0;
  }

  /** A bus write of 1, 2 or 4 aligned bytes. Returns the registers it touched, changed or not. */
  write(offset: number, size: AccessSize, value: number, open: (gate: string) => boolean = () => true): readonly Placement[] {
    const touched = (this.#layout.byWord[offset >>> 2] ?? NONE).filter((each) => each.at < offset + size && offset < each.at + each.register.width / 8);
    for (const { at, register } of touched) {
      const after = register.width === 64 ? afterWideWrite : afterWrite;
      store(this.#words, at, register.width, after(register, this.#load(at, register.width) as never, { offset: offset - at, size, value }, open));
    }
    return touched;
  }

  /** Words of 32 bits are what every interrupt reads: first, and with nothing else in the way. */
  #load(at: number, width: Width): number | bigint {
    return width === 32 ? (this.#words[at >>> 2] ?? 0) : this.#loadOther(at, width);
  }

  #loadOther(at: number, width: Width): number | bigint {
    const word = this.#words[at >>> 2] ?? 0;
    if (width === 64) return BigInt(word) | (BigInt(this.#words[(at >>> 2) + 1] ?? 0) << 32n);
    return (word >>> ((at & 3) * 8)) & (2 ** width - 1);
  }
}

function store(words: Uint32Array, at: number, width: Width, image: number | bigint): void {
  const index = at >>> 2;
  words[index] = replaceBytes(words[index] ?? 0, index, at, width, image);
  if (width === 64) words[index + 1] = Number(BigInt(image) >> 32n);
}

const NONE: readonly Placement[] = [];

/** Bytes on the bus; `offset` from the register's first byte, negative where the access begins before it. */
interface BusWrite {
  readonly offset: number;
  readonly size: number;
  readonly value: number;
}

type Open = (gate: string) => boolean;

/** Bytes that were not written keep what they hold: a write of 1 to clear reaches only the bytes on the bus. */
function afterWrite(register: StoredRegister, held: number, { offset, size, value }: BusWrite, open: Open): number {
  const shift = offset * 8;
  const ones = size === 4 ? 0xffffffff : 2 ** (size * 8) - 1;
  const written = shift >= 0 ? ones << shift : ones >>> -shift;
  const placed = shift >= 0 ? value << shift : value >>> -shift;
  const raw = ((held & ~written) | (placed & written)) >>> 0;
  const after = register.afterWrite(held as never, raw, open) as number;
  return ((held & ~written) | (after & written)) >>> 0;
}

function afterWideWrite(register: StoredRegister, held: bigint, { offset, size, value }: BusWrite, open: Open): bigint {
  const place = (bits: bigint) => BigInt.asUintN(64, bits << BigInt(offset * 8));
  const written = place((1n << BigInt(size * 8)) - 1n);
  const after = register.afterWrite(held as never, (held & ~written) | place(BigInt(value)), open) as bigint;
  return (held & ~written) | (after & written);
}

/** Word `index` with the bytes of a register of `width` bits at byte `at` replaced by those of `image`. */
function replaceBytes(word: number, index: number, at: number, width: Width, image: number | bigint): number {
  const shift = (at - index * 4) * 8;
  if (typeof image === 'bigint') return Number(BigInt.asUintN(32, image >> BigInt(-shift)));
  if (width === 32) return image >>> 0;
  const mask = (2 ** width - 1) << shift;
  return ((word & ~mask) | ((image << shift) & mask)) >>> 0;
}
