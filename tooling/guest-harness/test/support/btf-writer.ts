// A BTF section small enough to check by hand.

export interface BtfType {
  readonly name?: string;
  readonly kind: number;
  readonly kindFlag?: boolean;
  readonly sizeOrType?: number;
  /** vlen where it is not the number of rows. */
  readonly count?: number;
  /** The kind's own 32-bit words, one row per member; strings are names. */
  readonly rows?: readonly (readonly (number | string)[])[];
}

export function writeBtf(types: readonly BtfType[]): Buffer {
  let strings = '\0';
  const nameAt = (name: string) => {
    if (name === '') return 0;
    const at = strings.length;
    strings += `${name}\0`;
    return at;
  };
  const words: number[] = [];
  for (const { name = '', kind, kindFlag = false, sizeOrType = 0, rows = [], count = rows.length } of types) {
    words.push(nameAt(name), ((kindFlag ? 0x80 : 0) | kind) * 0x1000000 + count, sizeOrType);
    for (const row of rows) words.push(...row.map((word) => (typeof word === 'string' ? nameAt(word) : word)));
  }
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header[2] = 1;
  [24, 0, words.length * 4, words.length * 4, strings.length].forEach((value, i) => header.writeUInt32LE(value, 4 + i * 4));
  const body = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => body.writeUInt32LE(word >>> 0, i * 4));
  return Buffer.concat([header, body, Buffer.from(strings, 'latin1')]);
}
