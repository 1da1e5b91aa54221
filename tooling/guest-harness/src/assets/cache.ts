// The cache folder. One sub-folder per asset and version, complete or absent: it is filled under a temporary name and
// renamed. `current.json` says which of them to use; it is replaced whole. So a reader never sees half of anything,
// whenever a provisioner is killed and however many of them run.
import { mkdir, mkdtemp, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AssetOptions } from './types.ts';

/** Asset slot (`qemu`, `busybox`, `kernel-7.3`, ...) to folder name below the cache folder. */
export type CurrentAssets = Readonly<Record<string, string>>;

const INDEX = 'current.json';
const LOCK = 'provision.lock';
const TEMPORARY = /^tmp-(\d+)-/;

/** The cache folder of these options; it need not exist. */
export function cacheFolder({ cacheDir, env = process.env }: AssetOptions): string {
  return cacheDir ?? join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'siov', 'guest');
}

/** What is current; empty when nothing was provisioned, or when the index cannot be read. */
export async function readCurrent(cache: string): Promise<CurrentAssets> {
  try {
    const value: unknown = JSON.parse(await readFile(join(cache, INDEX), 'utf8'));
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return {};
  }
}

/** Makes `folder` the current one of `slot`. */
export async function setCurrent(cache: string, slot: string, folder: string): Promise<void> {
  const temporary = join(cache, `tmp-${process.pid}-${INDEX}-${Math.random().toString(36).slice(2)}`);
  await writeFile(temporary, `${JSON.stringify({ ...(await readCurrent(cache)), [slot]: folder }, null, 2)}\n`);
  await rename(temporary, join(cache, INDEX));
}

/** A fresh folder inside the cache, on the same file system so that it can be renamed into place. */
export async function temporaryFolder(cache: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  return mkdtemp(join(cache, `tmp-${process.pid}-`));
}

/** Renames a finished folder into place. Whoever comes second throws away an equal copy. */
export async function publish(cache: string, finished: string, name: string): Promise<string> {
  const target = join(cache, name);
  try {
    await rename(finished, target);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    await rm(finished, { recursive: true, force: true });
  }
  return target;
}

/** Removes what killed provisioners left behind. */
export async function sweep(cache: string): Promise<void> {
  for (const name of await readdir(cache).catch(() => [])) {
    const pid = Number(TEMPORARY.exec(name)?.[1]);
    if (pid && !isAlive(pid)) await rm(join(cache, name), { recursive: true, force: true });
  }
}

/**
 * Runs `work` while holding the provisioner lock; waits for another holder that is alive. The lock only saves a second
 * download: correctness rests on the renames, so taking over a dead holder's lock need not be race-free.
 */
export async function withLock<T>(cache: string, work: () => Promise<T>, onWait: () => void = () => undefined): Promise<T> {
  await mkdir(cache, { recursive: true });
  const path = join(cache, LOCK);
  for (let announced = false; !(await tryLock(path)); announced = true) {
    if (!announced) onWait();
    await sleep(200);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    // An empty file is a holder between open and write, unless it has been like that for long.
    const stale = holder ? !isAlive(holder) : await olderThan(path, 5_000);
    if (stale) await rm(path, { force: true });
    return false;
  }
}

async function olderThan(path: string, ms: number): Promise<boolean> {
  return stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs > ms,
    () => false,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
