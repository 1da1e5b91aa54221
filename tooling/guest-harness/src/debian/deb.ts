// From a .deb file to the entries of its data tar, whatever it is compressed with.
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { PassThrough, type Readable, pipeline } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { GuestError } from '../errors.ts';
import { listArFile } from './ar.ts';
import { type TarEntry, readTar } from './tar.ts';

/** The entries of a package's data archive, in order. Throws UNPACK. */
export async function* readDeb(path: string): AsyncGenerator<TarEntry> {
  const data = (await listArFile(path)).find((member) => member.name.startsWith('data.tar'));
  if (!data) throw new GuestError('UNPACK', `${path} has no data.tar member`);
  const raw = createReadStream(path, { start: data.offset, end: data.offset + data.size - 1 });
  yield* readTar(decompress(raw, data.name));
}

/** `raw` decompressed after the ending of `name`: .xz (needs the xz tool), .zst, .gz or none. */
function decompress(raw: Readable, name: string): Readable {
  if (name.endsWith('.xz')) return throughXz(raw);
  const ignore = () => undefined; // the reader of the returned stream gets the error
  if (name.endsWith('.zst')) return pipeline(raw, createZstdDecompress(), ignore);
  if (name.endsWith('.gz')) return pipeline(raw, createGunzip(), ignore);
  if (name.endsWith('.tar')) return raw;
  throw new GuestError('UNPACK', `${name}: unknown compression`);
}

/** Node has no xz of its own; every Linux system has the tool. */
function throughXz(raw: Readable): Readable {
  const xz = spawn('xz', ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  let complaint = '';
  xz.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  xz.on('error', () => out.destroy(new GuestError('UNPACK', 'cannot run xz: install xz-utils')));
  xz.stdout.pipe(out, { end: false });
  xz.on('close', (code) => {
    if (code === 0) out.end();
    else out.destroy(new GuestError('UNPACK', `xz failed: ${complaint.trim() || `exit ${code}`}`));
  });
  pipeline(raw, xz.stdin, () => undefined);
  // Leaving a package half read must not leave the tool behind.
  out.on('close', () => xz.kill());
  return out;
}

/** All of `bytes` decompressed with xz. Throws UNPACK. */
export async function unxz(bytes: Uint8Array): Promise<Buffer> {
  const source = new PassThrough();
  source.end(bytes);
  const parts: Buffer[] = [];
  for await (const part of throughXz(source)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
