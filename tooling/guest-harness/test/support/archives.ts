// Writers for the formats the harness only reads: what is read back must be what was written here.

export interface TarSource {
  readonly path: string;
  readonly type?: '0' | '1' | '2' | '5';
  readonly bytes?: Uint8Array;
  readonly link?: string;
  readonly mode?: number;
}

const BLOCK = 512;

/** A tar as dpkg writes it: ustar headers, names over 100 bytes as GNU long-name records. */
export function writeTar(entries: readonly TarSource[]): Buffer {
  const parts: Buffer[] = [];
  for (const { path, type = '0', bytes = new Uint8Array(), link = '', mode = 0o644 } of entries) {
    if (Buffer.byteLength(path) > 99) parts.push(...member('././@LongLink', 'L', Buffer.from(`${path}\0`), '', 0));
    if (Buffer.byteLength(link) > 99) parts.push(...member('././@LongLink', 'K', Buffer.from(`${link}\0`), '', 0));
    parts.push(...member(path, type, bytes, link, mode));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function member(path: string, type: string, bytes: Uint8Array, link: string, mode: number): Buffer[] {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  header.write(Buffer.from(path).subarray(0, 99).toString('latin1'), 0, 'latin1');
  header.write(octal(mode, 8), 100);
  header.write(octal(bytes.length, 12), 124);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  header.write(Buffer.from(link).subarray(0, 99).toString('latin1'), 157, 'latin1');
  header.write('ustar  \0', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, Buffer.from(bytes), Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
}

/** An ar archive. */
export function writeAr(members: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const { name, bytes } of members) {
    const fields = [name.padEnd(16), '0'.padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8), String(bytes.length).padEnd(10), '`\n'];
    parts.push(Buffer.from(fields.join('')), Buffer.from(bytes), Buffer.from(bytes.length % 2 ? '\n' : ''));
  }
  return Buffer.concat(parts);
}

/** A package with the given data archive, uncompressed unless `compress` says otherwise. */
export function writeDeb(entries: readonly TarSource[], compress?: { readonly ending: string; readonly with: (tar: Buffer) => Buffer }): Buffer {
  const tar = writeTar(entries);
  return writeAr([
    { name: 'debian-binary', bytes: Buffer.from('2.0\n') },
    { name: 'control.tar', bytes: writeTar([]) },
    { name: `data.tar${compress?.ending ?? ''}`, bytes: compress ? compress.with(tar) : tar },
  ]);
}

/** A 64-bit little-endian ELF with the given sections and nothing else. `link` is a section's name. */
export function writeElf(sections: readonly { readonly name: string; readonly bytes: Uint8Array; readonly type?: number; readonly link?: string }[]): Buffer {
  const names = ['', ...sections.map((section) => section.name), '.shstrtab'];
  const table = Buffer.from(names.map((name) => `${name}\0`).join(''));
  const nameAt = (name: string) => (name === '' ? 0 : table.indexOf(`\0${name}\0`) + 1);
  const all = [...sections, { name: '.shstrtab', bytes: table, type: 3 }];
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  const headers = [Buffer.alloc(64)];
  const bodies: Uint8Array[] = [];
  let at = 64;
  for (const { name, bytes, type = 1, ...rest } of all) {
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE(nameAt(name), 0);
    entry.writeUInt32LE(type, 4);
    entry.writeBigUInt64LE(BigInt(at), 24);
    entry.writeBigUInt64LE(BigInt(bytes.length), 32);
    entry.writeUInt32LE('link' in rest && rest.link ? names.indexOf(rest.link) : 0, 40);
    headers.push(entry);
    bodies.push(bytes);
    at += bytes.length;
  }
  header.writeBigUInt64LE(BigInt(at), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(headers.length, 60);
  header.writeUInt16LE(headers.length - 1, 62);
  return Buffer.concat([header, ...bodies, ...headers]);
}

/** A kernel module image that depends on the given modules. */
export function writeModule(depends: readonly string[] = []): Buffer {
  return writeElf([{ name: '.modinfo', bytes: Buffer.from(`license=GPL\0depends=${depends.join(',')}\0vermagic=1.2.3 SMP\0`) }]);
}
