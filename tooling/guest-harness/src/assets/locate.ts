// Looking for assets without fetching anything.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { causeOf } from '../errors.ts';
import { cacheFolder, readCurrent } from './cache.ts';
import { kernelFromPath, openKernelFolder } from './kernel-folder.ts';
import { findQemu } from './qemu-probe.ts';
import { type AssetOptions, type GuestAssets, isDebianKernel } from './types.ts';

/** What `locate` found: the assets, or one line saying what is missing and how to get it. */
export type Located =
  | { readonly ok: true; readonly assets: GuestAssets }
  | { readonly ok: false; readonly reason: string };

/** How a person provisions; part of every "missing" line. */
export const HOW_TO_PROVISION = 'run `siov guest`, which fetches it, or call provision() of @siov/guest-harness';

/** Finds QEMU, kernel and busybox. Never downloads and never throws; a kernel given by path is extracted into the cache. */
export async function locate(options: AssetOptions = {}): Promise<Located> {
  const { kernel: choice = '7.3', env = process.env } = options;
  const cache = cacheFolder(options);
  const current = await readCurrent(cache);
  const folder = (slot: string) => (current[slot] === undefined ? undefined : join(cache, current[slot]));

  const qemu = await findQemu(env, folder('qemu'));
  if (typeof qemu === 'string') return env.SIOV_QEMU ? { ok: false, reason: qemu } : missing(qemu);
  const busybox = folder('busybox') && join(folder('busybox') ?? '', 'busybox');
  if (!busybox || !(await exists(busybox))) return missing('no busybox is provisioned');
  try {
    if (!isDebianKernel(choice)) return found(qemu, await kernelFromPath(choice, cache), busybox);
    const kernelDir = folder(`kernel-${choice}`);
    const kernel = kernelDir && (await openKernelFolder(choice, kernelDir).catch(() => undefined));
    return kernel ? found(qemu, kernel, busybox) : missing(`kernel ${choice} is not provisioned`);
  } catch (error) {
    return { ok: false, reason: causeOf(error) };
  }
}

function found(qemu: GuestAssets['qemu'], kernel: GuestAssets['kernel'], busybox: string): Located {
  return { ok: true, assets: { qemu, kernel, busybox } };
}

function missing(what: string): Located {
  return { ok: false, reason: `${what}: ${HOW_TO_PROVISION}` };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
