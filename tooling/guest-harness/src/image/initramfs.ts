// The guest's root file system: busybox, /init, the agent, the kernel's kept modules and their load order.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestAssets } from '../assets/types.ts';
import { loadOrder, moduleDependencies, moduleInfo, moduleName } from '../kernel/modinfo.ts';
import { type CpioEntry, writeCpio } from './cpio.ts';
import { AGENT, INIT, MODLOAD } from './scripts.ts';

/** A file to put into the image. `path` is absolute in the guest; `mode` defaults to 0o644. */
export interface GuestFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode?: number;
}

/** Builds the image for `assets` with extra `files`. Throws what reading the assets throws. */
export async function buildInitramfs(assets: GuestAssets, files: readonly GuestFile[] = []): Promise<Buffer> {
  const script = (path: string, text: string): CpioEntry => ({ path, type: 'file', bytes: Buffer.from(text), mode: 0o755 });
  return writeCpio([
    // The kernel opens it for init before devtmpfs is mounted; without it init has no standard output.
    { path: 'dev/console', type: 'character', major: 5, minor: 1 },
    { path: 'bin/busybox', type: 'file', bytes: await readFile(assets.busybox), mode: 0o755 },
    { path: 'bin/sh', type: 'symlink', target: 'busybox' },
    script('init', INIT),
    script('agent', AGENT),
    script('bin/modload', MODLOAD),
    ...(await moduleEntries(assets.kernel.modules)),
    ...files.map(({ path, ...file }): CpioEntry => ({ ...file, path: path.replace(/^\/+/, ''), type: 'file' })),
  ]);
}

async function moduleEntries(folder: string): Promise<CpioEntry[]> {
  const images = new Map<string, Buffer>();
  for (const file of (await readdir(folder)).sort()) images.set(moduleName(file), await readFile(join(folder, file)));
  const dependencies = (name: string) => {
    const image = images.get(name);
    return image && moduleDependencies(moduleInfo(image));
  };
  return [...images].flatMap(([name, bytes]): CpioEntry[] => [
    { path: `modules/${name}.ko`, type: 'file', bytes },
    { path: `modules/${name}.order`, type: 'file', bytes: Buffer.from(`${loadOrder([name], dependencies).join('\n')}\n`) },
  ]);
}
