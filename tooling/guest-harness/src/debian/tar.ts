// A streaming tar reader for what dpkg writes: ustar with GNU long names, and pax paths for good measure. Reading it
// here instead of with `tar` means a package can never write outside the folder we choose, and unwanted files cost
// neither disk nor time.
import { GuestError } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';

/** One entry. `path` has no leading './' and no trailing '/'; `size` in bytes. */
export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'symlink' | 'hardlink' | 'directory' | 'other';
  readonly mode: number;
  readonly size: number;
  /** Target of a link, as written in the archive. */
  readonly link: string;
  /** The contents; call it before asking for the next entry, or the contents are skipped. */
  body(): Promise<Buffer>;
}

const BLOCK = 512;
const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'directory',
};

/** The entries of a tar stream. Throws UNPACK on a damaged or cut-off stream. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(source);
  let longPath: string | undefined;
  let longLink: string | undefined;
  for (;;) {
    const header = await reader.take(BLOCK);
    if (header.every((byte) => byte === 0)) return; // the end mark, or the end of the stream
    const size = checkedSize(header);
    const kind = String.fromCharCode(header[156] ?? 0);
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (kind === 'L' || kind === 'K' || kind === 'x' || kind === 'g') {
      const text = (await exactly(reader, size)).toString('utf8');
      await reader.skip(padding);
      if (kind === 'L') longPath = cut(text);
      if (kind === 'K') longLink = cut(text);
      if (kind === 'x') ({ path: longPath = longPath, linkpath: longLink = longLink } = paxRecords(text));
      continue;
    }
    let left = size;
    yield {
      path: normal(longPath ?? ustarPath(header)),
      link: longLink ?? string(header, 157, 100),
      type: TYPES[kind] ?? 'other',
      mode: octal(header, 100, 8) & 0o7777,
      size,
      body: async () => {
        const bytes = await exactly(reader, left);
        left = 0;
        return bytes;
      },
    };
    await reader.skip(left + padding);
    longPath = longLink = undefined;
  }
}

async function exactly(reader: ByteReader, size: number): Promise<Buffer> {
  const bytes = await reader.take(size);
  if (bytes.length < size) throw new GuestError('UNPACK', 'the tar stream ends inside an entry');
  return bytes;
}

function checkedSize(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0;
  if (header.length < BLOCK || sum !== octal(header, 148, 8)) throw new GuestError('UNPACK', 'broken tar header');
  return octal(header, 124, 12);
}

function ustarPath(header: Buffer): string {
  const prefix = string(header, 257, 6) === 'ustar' ? string(header, 345, 155) : '';
  const name = string(header, 0, 100);
  return prefix ? `${prefix}/${name}` : name;
}

function paxRecords(text: string): Record<string, string> {
  const records: Record<string, string> = {};
  for (const match of text.matchAll(/\d+ ([^=]+)=([^\n]*)\n/g)) records[match[1] ?? ''] = match[2] ?? '';
  return records;
}

function octal(header: Buffer, at: number, length: number): number {
  return Number.parseInt(string(header, at, length).trim() || '0', 8);
}

function string(header: Buffer, at: number, length: number): string {
  return cut(header.toString('utf8', at, at + length));
}

function cut(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

function normal(path: string): string {
  return path.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
}
