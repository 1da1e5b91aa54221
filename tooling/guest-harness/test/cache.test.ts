import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { cacheFolder, publish, readCurrent, setCurrent, sweep, temporaryFolder as cacheTemporary, withLock } from '../src/assets/cache.ts';
import { temporaryFolder } from './support/folders.ts';

/** The id of a process that is gone. */
const deadPid = () => spawnSync('true').pid;

test('the cache follows XDG', () => {
  expect(cacheFolder({ env: { XDG_CACHE_HOME: '/x', HOME: '/h' } })).toBe('/x/siov/guest');
  expect(cacheFolder({ env: { HOME: '/h' } })).toBe('/h/.cache/siov/guest');
  expect(cacheFolder({ cacheDir: '/c', env: {} })).toBe('/c');
});

describe('current.json', () => {
  test('slots are kept beside each other', async () => {
    await using folder = temporaryFolder();
    await setCurrent(folder.path, 'qemu', 'qemu-1');
    await setCurrent(folder.path, 'busybox', 'busybox-1');
    await setCurrent(folder.path, 'qemu', 'qemu-2');
    expect(await readCurrent(folder.path)).toEqual({ qemu: 'qemu-2', busybox: 'busybox-1' });
    expect(readdirSync(folder.path)).toEqual(['current.json']);
  });

  test.each(['', '{"qemu":', 'null', '[1]'])('a damaged index %j is an empty one', async (text) => {
    await using folder = temporaryFolder({ 'current.json': text });
    expect(Object.keys(await readCurrent(folder.path))).toEqual([]);
  });
});

describe('publish', () => {
  test('the second of two equal assets is thrown away, the first stays', async () => {
    await using folder = temporaryFolder();
    for (const text of ['first', 'second']) {
      const temporary = await cacheTemporary(folder.path);
      writeFileSync(join(temporary, 'file'), text);
      expect(await publish(folder.path, temporary, 'asset')).toBe(join(folder.path, 'asset'));
    }
    expect(readdirSync(folder.path)).toEqual(['asset']);
  });
});

test('sweep removes what dead provisioners left, and nothing of a living one', async () => {
  await using folder = temporaryFolder();
  mkdirSync(join(folder.path, `tmp-${deadPid()}-abc`));
  const mine = await cacheTemporary(folder.path);
  mkdirSync(join(folder.path, 'qemu-1'));
  await sweep(folder.path);
  expect(readdirSync(folder.path).sort()).toEqual(['qemu-1', mine.slice(folder.path.length + 1)]);
});

describe('withLock', () => {
  test('holders follow one another', async () => {
    await using folder = temporaryFolder();
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await sleep(20);
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withLock(folder.path, work)));
    expect(most).toBe(1);
    expect(existsSync(join(folder.path, 'provision.lock'))).toBe(false);
  });

  test("a dead holder's lock is taken over", async () => {
    await using folder = temporaryFolder({ 'provision.lock': String(deadPid()) });
    let waited = 0;
    await expect(withLock(folder.path, async () => 'done', () => waited++)).resolves.toBe('done');
    expect(waited).toBe(1);
  });

  test('the lock goes when the work fails', async () => {
    await using folder = temporaryFolder();
    await expect(withLock(folder.path, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
