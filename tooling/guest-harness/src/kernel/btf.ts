// BTF (BPF Type Format): the kernel's types inside its own image. The test modules take structure sizes and member
// offsets from here, so they need no kernel headers and fit exactly the kernel they are loaded into.
// Format: Documentation/bpf/btf.rst.
import { GuestError } from '../errors.ts';

const MAGIC = 0xeb9f;
const [INT, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, VOLATILE, CONST, RESTRICT] = [1, 3, 4, 5, 6, 8, 9, 10, 11];
const [FUNC_PROTO, VAR, DATASEC, TYPE_TAG, ENUM64, DECL_TAG] = [13, 14, 15, 18, 19, 17];

interface Type {
  readonly kind: number;
  readonly name: string;
  readonly count: number;
  readonly bitfields: boolean;
  /** Size in bytes, or the type referred to. */
  readonly sizeOrType: number;
  /** Where the kind's own data begins. */
  readonly at: number;
}

/** Where a member lies, in bits from the start, and the id of its type. */
interface Member {
  readonly bits: number;
  readonly type: number;
}

/** Read-only view of a `.BTF` section. */
export class Btf {
  readonly #data: Buffer;
  readonly #strings: number;
  readonly #types: Type[] = [{ kind: 0, name: 'void', count: 0, bitfields: false, sizeOrType: 0, at: 0 }];
  /** Structs and unions. A name can stand for several: file-local types of different C files share one table. */
  readonly #byName = new Map<string, Type[]>();

  /** Throws KERNEL when `section` is no BTF of this byte order, or has a kind this reader does not know. */
  constructor(section: Uint8Array) {
    this.#data = Buffer.from(section.buffer, section.byteOffset, section.byteLength);
    if (this.#data.length < 24 || this.#data.readUInt16LE(0) !== MAGIC) throw new GuestError('KERNEL', 'no BTF data');
    const [header, typesAt, typesLength, stringsAt] = [4, 8, 12, 16].map((at) => this.#data.readUInt32LE(at)) as [number, number, number, number];
    this.#strings = header + stringsAt;
    for (let at = header + typesAt; at < header + typesAt + typesLength; ) {
      const type = this.#read(at);
      this.#types.push(type);
      if ((type.kind === STRUCT || type.kind === UNION) && type.name !== '') {
        const known = this.#byName.get(type.name);
        if (known) known.push(type);
        else this.#byName.set(type.name, [type]);
      }
      at = type.at + trailer(type);
    }
  }

  /**
   * Size of a struct or union in bytes. Where several types share the name, the first that has all members `having` is
   * meant. Throws KERNEL when there is none.
   */
  sizeOf(name: string, having: readonly string[] = []): number {
    return this.#aggregate(name, having).sizeOrType;
  }

  /**
   * Offset of a member in bytes; members of anonymous structs and unions count as the outer type's. A path `a.b` goes
   * into member `a`. `having` as in `sizeOf`. Throws KERNEL when it does not exist or is a bit field.
   */
  offsetOf(name: string, path: string, having: readonly string[] = []): number {
    const { bits } = this.#path(this.#aggregate(name, [path, ...having]), path);
    if (bits % 8 !== 0) throw new GuestError('KERNEL', `${name}.${path} is a bit field`);
    return bits / 8;
  }

  /** Number of elements of an array member. Throws KERNEL when it is none. */
  arrayLength(name: string, path: string): number {
    const type = this.#resolve(this.#path(this.#aggregate(name, [path]), path).type);
    if (type.kind !== ARRAY) throw new GuestError('KERNEL', `the kernel's ${name}.${path} is no array`);
    return this.#data.readUInt32LE(type.at + 8);
  }

  /** Value of an enumerator, looked up over all enums. Throws KERNEL when there is none. */
  enumerator(name: string): number {
    for (const type of this.#types) {
      if (type.kind !== ENUM && type.kind !== ENUM64) continue;
      const step = type.kind === ENUM ? 8 : 12;
      for (let i = 0, at = type.at; i < type.count; i++, at += step) {
        if (this.#string(this.#data.readUInt32LE(at)) === name) return this.#data.readInt32LE(at + 4);
      }
    }
    throw new GuestError('KERNEL', `the kernel has no enumerator ${name}`);
  }

  #aggregate(name: string, having: readonly string[]): Type {
    const types = this.#byName.get(name);
    if (!types) throw new GuestError('KERNEL', `the kernel has no struct ${name}`);
    const type = types.find((candidate) => having.every((path) => this.#path(candidate, path).found));
    if (type) return type;
    const wanted = having.length > 1 ? `members ${having.join(', ')}` : `member ${having[0]}`;
    throw new GuestError('KERNEL', `the kernel's ${name} has no ${wanted}`);
  }

  #path(outer: Type, path: string): Member & { readonly found: boolean } {
    let at: Member = { bits: 0, type: 0 };
    let type = outer;
    for (const part of path.split('.')) {
      const member = this.#member(type, part);
      if (!member) return { ...at, found: false };
      at = { bits: at.bits + member.bits, type: member.type };
      type = this.#resolve(member.type);
    }
    return { ...at, found: true };
  }

  #member(type: Type, wanted: string): Member | undefined {
    if (type.kind !== STRUCT && type.kind !== UNION) return undefined;
    for (let i = 0; i < type.count; i++) {
      const at = type.at + i * 12;
      const [nameAt, typeId, packed] = [at, at + 4, at + 8].map((p) => this.#data.readUInt32LE(p)) as [number, number, number];
      const bits = type.bitfields ? packed & 0xffffff : packed;
      const name = this.#string(nameAt);
      if (name === wanted) return { bits, type: typeId };
      const inner = name === '' ? this.#member(this.#resolve(typeId), wanted) : undefined;
      if (inner) return { bits: bits + inner.bits, type: inner.type };
    }
    return undefined;
  }

  /** Through typedefs, qualifiers and tags to the type itself. */
  #resolve(id: number): Type {
    let type = this.#types[id];
    while (type && [TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG].includes(type.kind)) type = this.#types[type.sizeOrType];
    if (!type) throw new GuestError('KERNEL', `BTF refers to type ${id}, which does not exist`);
    return type;
  }

  #read(at: number): Type {
    const info = this.#data.readUInt32LE(at + 4);
    return {
      name: this.#string(this.#data.readUInt32LE(at)),
      kind: (info >>> 24) & 0x1f,
      count: info & 0xffff,
      bitfields: info >>> 31 === 1,
      sizeOrType: this.#data.readUInt32LE(at + 8),
      at: at + 12,
    };
  }

  #string(offset: number): string {
    const start = this.#strings + offset;
    return this.#data.toString('latin1', start, this.#data.indexOf(0, start));
  }
}

/** Bytes that follow the common part of a type. */
function trailer({ kind, count, name }: Type): number {
  if (kind === STRUCT || kind === UNION || kind === DATASEC || kind === ARRAY || kind === ENUM64) return (kind === ARRAY ? 1 : count) * 12;
  if (kind === ENUM || kind === FUNC_PROTO) return count * 8;
  if (kind === INT || kind === VAR || kind === DECL_TAG) return 4;
  if (kind > ENUM64 || kind === 0) throw new GuestError('KERNEL', `BTF kind ${kind} (${name}) is newer than this reader`);
  return 0;
}
