// A .deb is an `ar` archive of three members; only data.tar.* is of interest.
import { open } from 'node:fs/promises';
import { GuestError } from '../errors.ts';

/** A member of an ar archive. `offset` and `size` in bytes, of the member's contents in the file. */
export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

const MAGIC = '!<arch>\n';
const HEADER = 60;

/** Reads `length` bytes at `position`; fewer at the end of the file. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>;

/** The members of an ar archive of `total` bytes, in order. Throws UNPACK when it is none. */
export async function listAr(readAt: ReadAt, total: number): Promise<ArMember[]> {
  const ascii = async (at: number, length: number) => Buffer.from(await readAt(at, length)).toString('latin1');
  if ((await ascii(0, MAGIC.length)) !== MAGIC) throw new GuestError('UNPACK', 'not an ar archive');
  const members: ArMember[] = [];
  let at = MAGIC.length;
  while (at + HEADER <= total) {
    const header = await ascii(at, HEADER);
    const size = Number(header.slice(48, 58).trim());
    if (header.slice(58) !== '`\n' || !Number.isSafeInteger(size) || at + HEADER + size > total) {
      throw new GuestError('UNPACK', `broken ar member header at byte ${at}`);
    }
    // GNU ar ends a short name with '/', dpkg's own writer does not.
    members.push({ name: header.slice(0, 16).trim().replace(/\/$/, ''), offset: at + HEADER, size });
    at += HEADER + size + (size % 2);
  }
  return members;
}

/** The members of the ar archive at `path`. Throws UNPACK, or what `open` throws. */
export async function listArFile(path: string): Promise<ArMember[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const readAt: ReadAt = async (position, length) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    };
    return await listAr(readAt, size);
  } finally {
    await file.close();
  }
}
