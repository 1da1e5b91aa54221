// What the provisioner needs from an archive. Two ways to get it: apt, where the system has it (it knows its own proxy,
// credentials and keys), and plain HTTP everywhere else.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { DebPackage } from './resolver.ts';

/** Bytes fetched so far in this call. */
export type OnBytes = (bytes: number) => void;

/** A way to read one Debian archive. */
export interface ArchiveTransport {
  /** How to name it to a person: "apt" or "http". */
  readonly kind: 'apt' | 'http';
  /** One line per thing that could not be checked (no keyring, no gpgv). Complete once `index` returned. */
  readonly warnings: readonly string[];
  /** The text of `main/binary-amd64/Packages` of each suite, in the order asked. Throws ARCHIVE. */
  indexes(suites: readonly string[], onBytes: OnBytes): Promise<string[]>;
  /** Fetches packages into `folder`; the path of each, in order. SHA-256 is checked. Throws ARCHIVE. */
  download(packages: readonly DebPackage[], folder: string, onBytes: OnBytes): Promise<string[]>;
}

/** SHA-256 of a file as lower-case hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
