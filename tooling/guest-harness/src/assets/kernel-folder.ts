// A kernel in the cache: `vmlinux`, `modules/*.ko` and `release`, made from a package, or from a kernel given by path.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readDeb } from '../debian/deb.ts';
import { GuestError, causeOf } from '../errors.ts';
import { moduleName } from '../kernel/modinfo.ts';
import { type ModuleImages, REQUIRED_MODULE, collectModules, decompressModule, modulesBelow } from '../kernel/module-set.ts';
import { extractVmlinux, kernelRelease } from '../kernel/vmlinux.ts';
import { publish, temporaryFolder } from './cache.ts';
import type { KernelAssets, KernelChoice } from './types.ts';

/** The kernel in a finished cache folder. Throws ENOENT when the folder is none. */
export async function openKernelFolder(choice: KernelChoice, folder: string): Promise<KernelAssets> {
  const release = (await readFile(join(folder, 'release'), 'utf8')).trim();
  return { choice, release, vmlinux: join(folder, 'vmlinux'), modules: join(folder, 'modules') };
}

/** Fills `target` from Debian kernel packages, of either layout. Throws KERNEL or UNPACK. */
export async function buildKernelFolder(debs: readonly string[], target: string): Promise<void> {
  let image: Buffer | undefined;
  const modules = await collectModules(async (names) => {
    const found = new Map<string, Buffer>();
    for (const deb of debs) {
      for await (const { path, type, body } of readDeb(deb)) {
        if (type !== 'file') continue;
        if (/^boot\/vmlinuz-|\/vmlinuz$/.test(path)) image ??= await body();
        if (!/\.ko(\.\w+)?$/.test(path) || !names.has(moduleName(path))) continue;
        found.set(moduleName(path), await decompressModule(path, await body()));
      }
    }
    return found;
  });
  if (!image) throw new GuestError('UNPACK', 'none of the kernel packages holds a vmlinuz');
  await writeKernelFolder(target, image, modules);
}

async function writeKernelFolder(target: string, image: Buffer, modules: ModuleImages): Promise<void> {
  const release = kernelRelease(image);
  if (!modules.has(REQUIRED_MODULE)) {
    throw new GuestError('KERNEL', `kernel ${release} has no ${REQUIRED_MODULE} module (cloud kernels and many minimal ones leave it out)`);
  }
  await mkdir(join(target, 'modules'), { recursive: true });
  await writeFile(join(target, 'vmlinux'), await extractVmlinux(image));
  for (const [name, bytes] of modules) await writeFile(join(target, 'modules', `${name}.ko`), bytes);
  await writeFile(join(target, 'release'), `${release}\n`);
}

/**
 * A kernel given by path: an image file, or a folder with one. Its modules are looked for next to it and below
 * `lib/modules/<release>` of the folders above it. It is extracted into the cache once per content. Throws KERNEL.
 */
export async function kernelFromPath(path: string, cache: string): Promise<KernelAssets> {
  const imagePath = await findImage(resolve(path));
  const image = await readFile(imagePath);
  const release = kernelRelease(image);
  const folders = moduleFolders(imagePath, release);
  const modules = await firstWithIdxd(folders);
  if (!modules) {
    throw new GuestError('KERNEL', `kernel ${release} (${imagePath}) has no ${REQUIRED_MODULE} module in ${folders.join(', ')}; cloud kernels are built without it`);
  }
  const hash = createHash('sha256').update(image);
  for (const [name, bytes] of [...modules].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(name).update(bytes);
  const name = `kernel-path-${release.replace(/[^\w.+-]/g, '_')}-${hash.digest('hex').slice(0, 12)}`;
  const known = await openKernelFolder(path, join(cache, name)).catch(() => undefined);
  if (known) return known;
  const temporary = await temporaryFolder(cache);
  await writeKernelFolder(temporary, image, modules);
  return openKernelFolder(path, await publish(cache, temporary, name));
}

async function findImage(path: string): Promise<string> {
  const info = await stat(path).catch((error: unknown) => {
    throw new GuestError('KERNEL', `cannot read kernel ${path}: ${causeOf(error)}`);
  });
  if (info.isFile()) return path;
  for (const folder of [path, join(path, 'boot')]) {
    const names = (await readdir(folder).catch(() => [])).filter((name) => /^(vmlinux|vmlinuz|bzImage)([-.].*)?$/.test(name) && !/\.(o|a|sig|symvers)$/.test(name));
    const [first, second] = names.sort();
    // One kernel as vmlinux and vmlinuz is no ambiguity; several releases are.
    if (first && (!second || /^vmlinux$/.test(first) || names.length === 1)) return join(folder, first);
    if (first) throw new GuestError('KERNEL', `${folder} holds several kernels (${names.join(', ')}): name one of them`);
  }
  throw new GuestError('KERNEL', `${path} holds no vmlinux, vmlinuz or bzImage`);
}

function moduleFolders(imagePath: string, release: string): string[] {
  const here = dirname(imagePath);
  const up = dirname(here);
  const installed = [here, up].flatMap((root) => [join(root, 'lib/modules', release), join(root, 'usr/lib/modules', release)]);
  const besides = [join(here, 'modules', release), join(here, 'modules'), join(here, 'kernel')];
  // A build tree or /usr/lib/modules/<release>/ holds image and modules in one place; a plain /boot must not be searched.
  return [...new Set([...besides, ...installed, ...(basename(here) === 'boot' ? [] : [here])])];
}

async function firstWithIdxd(folders: readonly string[]): Promise<ModuleImages | undefined> {
  for (const folder of folders) {
    const modules = await collectModules(modulesBelow(folder));
    if (modules.has(REQUIRED_MODULE)) return modules;
  }
  return undefined;
}
