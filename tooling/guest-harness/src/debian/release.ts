// InRelease: the clear-signed list of a suite's index files with their SHA-256. Whoever trusts it trusts the indexes,
// and through them every package.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { GuestError, causeOf } from '../errors.ts';
import { parseControl } from './control.ts';

const run = promisify(execFile);

/** Where Debian and its derivatives keep the archive's public keys; the first that exists is used. */
export const DEBIAN_KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
] as const;

/** An index file named by a Release file. `size` in bytes, `sha256` in lower-case hex. */
export interface ReleaseFile {
  readonly sha256: string;
  readonly size: number;
}

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----';
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----';

/**
 * The files an InRelease text vouches for, by path. Text outside the one signed block is refused: gpgv checks only
 * that block, so anything else would be read without being signed. Throws ARCHIVE.
 */
export function parseInRelease(text: string): ReadonlyMap<string, ReleaseFile> {
  const end = text.indexOf(SIGNATURE);
  if (!text.startsWith(BEGIN) || text.lastIndexOf(BEGIN) !== 0 || end < 0) {
    throw new GuestError('ARCHIVE', 'InRelease is not one clear-signed message');
  }
  const body = text.slice(text.indexOf('\n\n') + 2, end);
  const files = new Map<string, ReleaseFile>();
  for (const stanza of parseControl(body, ['SHA256'])) {
    for (const line of (stanza.get('SHA256') ?? '').split('\n')) {
      const [sha256, size, path] = line.trim().split(/\s+/);
      if (sha256 && size && path) files.set(path, { sha256: sha256.toLowerCase(), size: Number(size) });
    }
  }
  if (files.size === 0) throw new GuestError('ARCHIVE', 'InRelease names no SHA256 file');
  return files;
}

/** The Debian keyring of this system, if it has one. */
export function debianKeyring(): string | undefined {
  return DEBIAN_KEYRINGS.find((path) => existsSync(path));
}

/**
 * Checks the signature of an InRelease file with gpgv. Returns undefined when it is good, or one line saying why it
 * could not be checked (no gpgv, no keyring). Throws ARCHIVE when it was checked and is bad.
 */
export async function verifyInRelease(path: string): Promise<string | undefined> {
  const keyring = debianKeyring();
  if (!keyring) return 'archive signature not checked: no Debian keyring on this system';
  try {
    await run('gpgv', ['--keyring', keyring, path]);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'archive signature not checked: gpgv is not installed';
    const reason = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1);
    throw new GuestError('ARCHIVE', `the archive's signature is bad: ${reason ?? causeOf(error)}`, { cause: error });
  }
}
