import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { httpTransport } from '../src/debian/http-transport.ts';
import { PackageIndex, resolveClosure } from '../src/debian/resolver.ts';
import { temporaryFolder } from './support/folders.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A mirror on the loopback interface. Keys of `files` are paths; what is not there is a 404. */
async function mirror(files: Map<string, Buffer>) {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const url = request.url ?? '';
    asked.push(url);
    const path = new URL(url, 'http://x').pathname;
    if (path.startsWith('/moved')) return response.writeHead(302, { location: path.replace('/moved', '/debian') }).end();
    const body = files.get(path);
    return body ? response.end(body) : response.writeHead(404).end('not here');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, asked, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

/** An archive with one package `a` in suite `trixie`; `listed` says which index files its Release names. */
function archive(debBytes = Buffer.from('contents')) {
  const index = Buffer.from(`Package: a\nVersion: 1\nFilename: pool/a_1.deb\nSize: ${debBytes.length}\nSHA256: ${sha256(debBytes)}\n`);
  const gz = gzipSync(index);
  const release = `-----BEGIN PGP SIGNED MESSAGE-----\n\nSHA256:\n ${'0'.repeat(64)} 1 main/binary-amd64/Packages.xz\n ${sha256(gz)} ${gz.length} main/binary-amd64/Packages.gz\n ${sha256(index)} ${index.length} main/binary-amd64/Packages\n-----BEGIN PGP SIGNATURE-----\nx\n`;
  return new Map<string, Buffer>([
    ['/debian/dists/trixie/InRelease', Buffer.from(release)],
    ['/debian/dists/trixie/main/binary-amd64/Packages.gz', gz],
    ['/debian/dists/trixie/main/binary-amd64/Packages', index],
    ['/debian/pool/a_1.deb', debBytes],
  ]);
}

/** The signature of a made-up archive cannot be good; with an empty PATH nobody can tell. */
async function withoutGpgv<T>(work: () => Promise<T>): Promise<T> {
  const { PATH } = process.env;
  process.env.PATH = '/nonexistent';
  try {
    return await work();
  } finally {
    process.env.PATH = PATH;
  }
}

async function fetchIndex(files: Map<string, Buffer>, base = '/debian') {
  await using server = await mirror(files);
  await using folder = temporaryFolder();
  const transport = httpTransport(server.origin + base, join(folder.path, 'state'), () => undefined);
  let bytes = 0;
  const [text = ''] = await withoutGpgv(() => transport.indexes(['trixie'], (n) => (bytes = n)));
  return { text, bytes, asked: server.asked, warnings: transport.warnings };
}

describe('httpTransport', () => {
  test('an index comes in whatever compression the mirror really has', async () => {
    const files = archive();
    const { text, bytes, asked } = await fetchIndex(files);
    expect(text).toContain('Package: a');
    expect(asked.map((path) => path.replace(/^.*\//, ''))).toEqual(['InRelease', 'Packages.xz', 'Packages.gz']);
    expect(bytes).toBeGreaterThan(0);
    files.delete('/debian/dists/trixie/main/binary-amd64/Packages.gz');
    expect((await fetchIndex(files)).text).toBe(text);
  });

  test('an unchecked signature is a warning, once', async () => {
    expect((await fetchIndex(archive())).warnings).toEqual([expect.stringMatching(/^archive signature not checked: /)]);
  });

  test('redirects are followed', async () => {
    expect((await fetchIndex(archive(), '/moved')).text).toContain('Package: a');
  });

  test('an index that does not match its Release file is refused', async () => {
    const files = archive();
    files.set('/debian/dists/trixie/main/binary-amd64/Packages.gz', gzipSync('Package: evil\n'));
    await expect(fetchIndex(files)).rejects.toThrow('does not match its Release file');
  });

  test('a suite the mirror lacks is named', async () => {
    await expect(fetchIndex(new Map())).rejects.toThrow('the mirror has no suite trixie');
  });

  test('packages are stored and checked', async () => {
    const files = archive();
    const { text } = await fetchIndex(files);
    await using server = await mirror(files);
    await using folder = temporaryFolder();
    const transport = httpTransport(`${server.origin}/debian`, folder.path, () => undefined);
    const packages = resolveClosure(new PackageIndex(text), ['a']);
    const [path = ''] = await transport.download(packages, folder.path, () => undefined);
    expect(readFileSync(path, 'utf8')).toBe('contents');
    files.set('/debian/pool/a_1.deb', Buffer.from('CONTENTS'));
    await expect(transport.download(packages, folder.path, () => undefined)).rejects.toThrow('a 1 arrived with a wrong SHA-256');
    files.delete('/debian/pool/a_1.deb');
    await expect(transport.download(packages, folder.path, () => undefined)).rejects.toThrow('the mirror no longer has a 1');
  });

  test('a proxy gets the whole URL', async () => {
    const files = archive();
    await using proxy = await mirror(files);
    await using folder = temporaryFolder();
    const transport = httpTransport('http://mirror.example/debian', join(folder.path, 's'), () => new URL(proxy.origin));
    const [text] = await withoutGpgv(() => transport.indexes(['trixie'], () => undefined));
    expect(text).toContain('Package: a');
    expect(proxy.asked[0]).toBe('http://mirror.example/debian/dists/trixie/InRelease');
  });

  test('a package name cannot lead out of the folder', async () => {
    const files = archive();
    files.set('/debian/../../etc/evil.deb', Buffer.from('contents'));
    files.set('/etc/evil.deb', Buffer.from('contents'));
    await using server = await mirror(files);
    await using folder = temporaryFolder();
    const inner = join(folder.path, 'inner');
    mkdirSync(inner);
    const pkg = { name: 'a', version: '1', filename: '../../etc/evil.deb', size: 8, sha256: sha256(Buffer.from('contents')), depends: [], provides: [] };
    const [path] = await httpTransport(`${server.origin}/debian`, inner, () => undefined).download([pkg], inner, () => undefined);
    expect(path).toBe(join(inner, 'evil.deb'));
    expect(existsSync(join(folder.path, 'etc'))).toBe(false);
  });
});
