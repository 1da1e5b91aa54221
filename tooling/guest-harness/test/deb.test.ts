import fc from 'fast-check';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listAr } from '../src/debian/ar.ts';
import { readDeb } from '../src/debian/deb.ts';
import { readTar } from '../src/debian/tar.ts';
import { type TarSource, writeAr, writeDeb, writeTar } from './support/archives.ts';
import { inPieces, temporaryFolder } from './support/folders.ts';

const fromBuffer = (bytes: Buffer) => async (at: number, length: number) => bytes.subarray(at, at + length);

describe('listAr', () => {
  test('members of odd and even size are found where they are', async () => {
    const archive = writeAr([{ name: 'odd', bytes: Buffer.from('abc') }, { name: 'even/', bytes: Buffer.from('wxyz') }, { name: 'last', bytes: Buffer.from('!') }]);
    const members = await listAr(fromBuffer(archive), archive.length);
    expect(members.map(({ name, offset, size }) => [name, archive.toString('latin1', offset, offset + size)])).toEqual([['odd', 'abc'], ['even', 'wxyz'], ['last', '!']]);
  });

  test('a cut-off member and another file are refused', async () => {
    const archive = writeAr([{ name: 'a', bytes: Buffer.alloc(100) }]);
    await expect(listAr(fromBuffer(archive.subarray(0, 90)), 90)).rejects.toThrow('broken ar member');
    await expect(listAr(fromBuffer(Buffer.from('PK....')), 6)).rejects.toThrow('not an ar archive');
  });
});

describe('readTar', () => {
  const long = `usr/${'very-long-folder-name/'.repeat(8)}file`;

  async function collect(tar: Buffer, pieces: readonly number[], read = true) {
    const found: { path: string; type: string; link: string; bytes?: string }[] = [];
    for await (const { path, type, link, body } of readTar(inPieces(tar, pieces))) {
      found.push({ path, type, link, ...(read ? { bytes: (await body()).toString('latin1') } : {}) });
    }
    return found;
  }

  test('long names, links and folders', async () => {
    const tar = writeTar([{ path: './', type: '5' }, { path: `./${long}`, bytes: Buffer.from('x') }, { path: './lib', type: '2', link: 'usr/lib' }, { path: './short', bytes: Buffer.from('y') }]);
    expect(await collect(tar, [])).toEqual([
      { path: '', type: 'directory', link: '', bytes: '' },
      { path: long, type: 'file', link: '', bytes: 'x' },
      { path: 'lib', type: 'symlink', link: 'usr/lib', bytes: '' },
      { path: 'short', type: 'file', link: '', bytes: 'y' },
    ]);
  });

  test('skipping bodies finds the same entries', async () => {
    const tar = writeTar([{ path: 'a', bytes: Buffer.alloc(1000) }, { path: 'b', bytes: Buffer.alloc(513) }, { path: 'c' }]);
    expect((await collect(tar, [], false)).map(({ path }) => path)).toEqual(['a', 'b', 'c']);
  });

  test('damage and a stream that ends early are errors', async () => {
    const tar = writeTar([{ path: 'a', bytes: Buffer.alloc(1000) }]);
    await expect(collect(tar.subarray(0, 700), [])).rejects.toThrow('ends inside');
    tar[0] = 0x62;
    await expect(collect(tar, [])).rejects.toThrow('broken tar header');
  });

  test('any contents come back whatever the chunks are', async () => {
    const name = fc.stringMatching(/^[a-z0-9._-]{1,20}(\/[a-z0-9_-]{1,60}){0,3}$/).filter((text) => !text.startsWith('.'));
    const entries = fc.array(fc.record({ path: name, bytes: fc.uint8Array({ maxLength: 1600 }) }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(entries, fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 30 }), async (sources, pieces) => {
        const read = await collect(writeTar(sources), pieces);
        expect(read.map(({ path, bytes }) => [path, bytes])).toEqual(sources.map(({ path, bytes }) => [path, Buffer.from(bytes).toString('latin1')]));
      }),
      { numRuns: 50 },
    );
  });
});

describe('readDeb', () => {
  const entries: TarSource[] = [{ path: './usr/bin/busybox', bytes: Buffer.from('#!') }];
  const compressions = [
    undefined,
    { ending: '.gz', with: (tar: Buffer) => gzipSync(tar) },
    { ending: '.zst', with: (tar: Buffer) => zstdCompressSync(tar) },
  ];

  test.each(compressions)('data archive %#', async (compression) => {
    await using folder = temporaryFolder({ 'a.deb': writeDeb(entries, compression) });
    const paths: string[] = [];
    for await (const entry of readDeb(join(folder.path, 'a.deb'))) paths.push(`${entry.path} ${(await entry.body()).toString()}`);
    expect(paths).toEqual(['usr/bin/busybox #!']);
  });

  test('a damaged data archive is an error, not an end', async () => {
    await using folder = temporaryFolder({ 'a.deb': writeDeb(entries, { ending: '.gz', with: (tar) => gzipSync(tar).subarray(0, 40) }) });
    await expect(readDeb(join(folder.path, 'a.deb')).next()).rejects.toThrow();
  });

  test('an unknown compression is named', async () => {
    await using folder = temporaryFolder({ 'a.deb': writeDeb(entries, { ending: '.rar', with: (tar) => tar }) });
    await expect(readDeb(join(folder.path, 'a.deb')).next()).rejects.toThrow('data.tar.rar: unknown compression');
  });
});
