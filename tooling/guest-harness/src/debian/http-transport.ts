// The archive over plain HTTP, for systems without apt: InRelease, the index it vouches for, the packages that index
// vouches for.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { GuestError } from '../errors.ts';
import { unxz } from './deb.ts';
import { type ChooseProxy, httpGet } from './http-client.ts';
import { type ReleaseFile, parseInRelease, verifyInRelease } from './release.ts';
import type { DebPackage } from './resolver.ts';
import type { ArchiveTransport, OnBytes } from './transport.ts';

const PARALLEL = 4;
const INDEX = 'main/binary-amd64/Packages';
const DECODERS: readonly (readonly [string, (bytes: Buffer) => Promise<Buffer>])[] = [
  ['.xz', unxz],
  ['.gz', async (bytes) => gunzipSync(bytes)],
  ['', async (bytes) => bytes],
];

/** A transport reading the archive at `base` (the folder that holds `dists`); `workDir` is created for its files. */
export function httpTransport(base: string, workDir: string, choose: ChooseProxy): ArchiveTransport {
  const warnings = new Set<string>();
  return {
    kind: 'http',
    get warnings() {
      return [...warnings];
    },
    async indexes(suites, onBytes) {
      await mkdir(workDir, { recursive: true });
      const total = adder(onBytes);
      return Promise.all(
        suites.map(async (suite) => {
          const root = `${base}/dists/${suite}`;
          const release = await fetchBytes(`${root}/InRelease`, choose, total);
          if (!release) throw new GuestError('ARCHIVE', `the mirror has no suite ${suite}`);
          const path = join(workDir, `${suite}_InRelease`);
          await writeFile(path, release);
          const warning = await verifyInRelease(path);
          if (warning) warnings.add(warning);
          return fetchIndex(root, parseInRelease(release.toString('utf8')), choose, total);
        }),
      );
    },
    async download(packages, folder, onBytes) {
      const total = adder(onBytes);
      return inParallel(packages, PARALLEL, (pkg) => fetchPackage(base, pkg, folder, choose, total));
    },
  };
}

function adder(onBytes: OnBytes): OnBytes {
  let total = 0;
  return (bytes) => onBytes((total += bytes));
}

async function fetchIndex(root: string, files: ReadonlyMap<string, ReleaseFile>, choose: ChooseProxy, count: OnBytes): Promise<string> {
  for (const [ending, decode] of DECODERS) {
    const listed = files.get(INDEX + ending);
    const bytes = listed && (await fetchBytes(`${root}/${INDEX}${ending}`, choose, count));
    if (!bytes) continue; // a mirror need not carry every compression its Release file lists
    if (createHash('sha256').update(bytes).digest('hex') !== listed.sha256) {
      throw new GuestError('ARCHIVE', `${root}/${INDEX}${ending} does not match its Release file (mirror in mid-update? try again)`);
    }
    return (await decode(bytes)).toString('utf8');
  }
  throw new GuestError('ARCHIVE', `${root} has no ${INDEX}`);
}

async function fetchBytes(url: string, choose: ChooseProxy, count: OnBytes): Promise<Buffer | undefined> {
  return httpGet(url, choose, async (body) => {
    const parts: Buffer[] = [];
    for await (const part of counted(body, count)) parts.push(part as Buffer);
    return Buffer.concat(parts);
  });
}

async function fetchPackage(base: string, pkg: DebPackage, folder: string, choose: ChooseProxy, count: OnBytes): Promise<string> {
  const path = join(folder, basename(pkg.filename));
  const sum = await httpGet(`${base}/${pkg.filename}`, choose, async (body) => {
    const hash = createHash('sha256');
    const tap = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(counted(body, count), tap, createWriteStream(path));
    return hash.digest('hex');
  });
  if (sum === undefined) throw new GuestError('ARCHIVE', `the mirror no longer has ${pkg.name} ${pkg.version}; try again`);
  if (sum !== pkg.sha256) throw new GuestError('ARCHIVE', `${pkg.name} ${pkg.version} arrived with a wrong SHA-256`);
  return path;
}

function counted(body: Readable, count: OnBytes): Readable {
  body.on('data', (chunk: Buffer) => count(chunk.length));
  body.pause();
  return body;
}

async function inParallel<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
