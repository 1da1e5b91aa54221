import { chmodSync, existsSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, runToCompletion } from '@siov/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectVfioUser, serveVfioUser } from '../src/index.ts';
import { bindUnix, closeFd, unixSocket } from '../src/sys.ts';
import { TestDevice } from './test-device.ts';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'vu-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const serve = (socketPath: string) => serveVfioUser({ socketPath, device: new TestDevice(), run: runToCompletion });

describe('a socket path', () => {
  test('of 107 bytes is the longest', () => {
    const path = (length: number) => join(directory, 'x'.repeat(length - directory.length - 1));
    must(serve(path(107)), 'serving').close();
    expect(serve(path(108))).toMatchObject({ ok: false, errno: 'EINVAL', message: expect.stringMatching(/108 bytes, 1 to 107/) });
    expect(serve('')).toMatchObject({ errno: 'EINVAL' });
    expect(serve('a\0b')).toMatchObject({ errno: 'EINVAL' });
  });

  test('in a directory that is not there is refused', () => {
    expect(serve(join(directory, 'no', 's'))).toMatchObject({ ok: false, errno: 'ENOENT', message: expect.stringMatching(/make it first/) });
  });

  test('in a directory that is a file is refused', () => {
    writeFileSync(join(directory, 'f'), '');
    expect(serve(join(directory, 'f', 's'))).toMatchObject({ ok: false, errno: 'ENOENT' });
  });

  test('in a directory that is not writable is refused', () => {
    // Root may write everywhere; it has to be somebody else for a moment.
    const root = process.geteuid?.() === 0;
    chmodSync(directory, 0o555);
    if (root) process.seteuid?.(65534);
    try {
      expect(serve(join(directory, 's'))).toMatchObject({ ok: false, errno: 'EACCES', message: `${directory} is not writable for this user` });
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(directory, 0o755);
    }
  });

  test('where no file can be made is refused with the reason', () => {
    expect(serve('/proc/self/s')).toMatchObject({ ok: false });
  });

  test('that is something else is left alone', () => {
    const path = join(directory, 'f');
    writeFileSync(path, '');
    expect(serve(path)).toMatchObject({ ok: false, errno: 'EEXIST' });
    expect(existsSync(path)).toBe(true);
  });

  test('that another server listens on is left alone', async () => {
    const path = join(directory, 's');
    const first = must(serve(path), 'serving');
    expect(serve(path)).toMatchObject({ ok: false, errno: 'EADDRINUSE', message: expect.stringMatching(/another server/) });
    const client = must(await connectVfioUser({ socketPath: path }), 'connecting');
    client.close();
    first.close();
    expect(existsSync(path)).toBe(false);
  });

  test('that a dead server left is taken over', async () => {
    const path = join(directory, 's');
    const dead = unixSocket();
    bindUnix(dead, path);
    closeFd(dead);
    expect(existsSync(path)).toBe(true);
    const server = must(serve(path), 'serving');
    must(await connectVfioUser({ socketPath: path }), 'connecting').close();
    server.close();
  });

  test('that somebody else has taken meanwhile is not removed at the end', () => {
    const path = join(directory, 's');
    const first = must(serve(path), 'serving');
    unlinkSync(path);
    const second = must(serve(path), 'serving');
    first.close();
    expect(existsSync(path)).toBe(true);
    second.close();
    expect(existsSync(path)).toBe(false);
  });
});

describe('connecting', () => {
  test('where nobody listens says so', async () => {
    expect(await connectVfioUser({ socketPath: join(directory, 's') })).toMatchObject({ ok: false, errno: 'ENOENT' });
  });
});
