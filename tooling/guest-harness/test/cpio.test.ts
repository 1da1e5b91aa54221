import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CpioEntry, writeCpio } from '../src/image/cpio.ts';

/** A reader written from the format's description, not from the writer. */
function readCpio(archive: Buffer) {
  const entries: { path: string; mode: number; body: Buffer; major: number; minor: number; inode: number }[] = [];
  for (let at = 0; ; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const field = (index: number) => Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const path = archive.toString('utf8', at + 110, at + 110 + nameSize - 1);
    expect(archive[at + 110 + nameSize - 1]).toBe(0);
    const body = (at + 110 + nameSize + 3) & ~3;
    if (path === 'TRAILER!!!') return entries;
    entries.push({ path, mode: field(1), inode: field(0), major: field(9), minor: field(10), body: archive.subarray(body, body + size) });
    at = (body + size + 3) & ~3;
  }
}

describe('writeCpio', () => {
  test('a device node has its numbers and no body', () => {
    const [dev, console_] = readCpio(writeCpio([{ path: 'dev/console', type: 'character', major: 5, minor: 1 }]));
    expect(dev).toMatchObject({ path: 'dev', mode: 0o040755 });
    expect(console_).toMatchObject({ path: 'dev/console', mode: 0o020600, major: 5, minor: 1 });
    expect(console_?.body.length).toBe(0);
  });

  test('folders come once and before what is in them', () => {
    const file = (path: string): CpioEntry => ({ path, type: 'file', bytes: new Uint8Array() });
    const paths = readCpio(writeCpio([file('a/b/c'), file('a/d'), { path: 'a', type: 'directory' }, file('e')])).map(({ path }) => path);
    expect(paths).toEqual(['a', 'a/b', 'a/b/c', 'a/d', 'e']);
  });

  test('files and links come back as they were, whatever their size', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,12}$/).filter((text) => text !== '.' && text !== '..');
    const entry = fc.oneof(
      fc.record({ type: fc.constant('file' as const), path: name, bytes: fc.uint8Array({ maxLength: 300 }), mode: fc.integer({ min: 0, max: 0o7777 }) }),
      fc.record({ type: fc.constant('symlink' as const), path: name, target: fc.string({ minLength: 1, maxLength: 40 }) }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (e) => e.path, maxLength: 8 }), (entries) => {
        const archive = writeCpio(entries);
        expect(archive.length % 512).toBe(0);
        const read = readCpio(archive);
        expect(new Set(read.map(({ inode }) => inode)).size).toBe(read.length); // equal inodes would be hard links
        expect(read.map(({ path, mode, body }) => ({ path, mode, body: body.toString('latin1') }))).toEqual(
          entries.map((e) =>
            e.type === 'file'
              ? { path: e.path, mode: 0o100000 | e.mode, body: Buffer.from(e.bytes).toString('latin1') }
              : { path: e.path, mode: 0o120777, body: Buffer.from(e.target).toString('latin1') },
          ),
        );
      }),
    );
  });
});
