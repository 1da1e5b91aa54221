// Fetching what `locate` misses from the Debian archive: QEMU from backports, a static busybox, a stock kernel.
import { execFile } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findArchiveBase } from '../debian/apt-sources.ts';
import { aptTransport, hasApt } from '../debian/apt-transport.ts';
import { readDeb } from '../debian/deb.ts';
import { httpTransport } from '../debian/http-transport.ts';
import { aptConfigDump, proxyFor } from '../debian/proxy.ts';
import { type DebPackage, PackageIndex, resolveClosure } from '../debian/resolver.ts';
import type { ArchiveTransport } from '../debian/transport.ts';
import { GuestError } from '../errors.ts';
import { cacheFolder, publish, readCurrent, setCurrent, sweep, temporaryFolder, withLock } from './cache.ts';
import { buildKernelFolder, kernelFromPath, openKernelFolder } from './kernel-folder.ts';
import { locate } from './locate.ts';
import { QEMU_PACKAGE, buildQemuPrefix } from './qemu-prefix.ts';
import { findQemu } from './qemu-probe.ts';
import { type AssetOptions, type GuestAssets, isDebianKernel } from './types.ts';

/** What a provisioner is doing. Byte counts are of the running download. */
export type ProvisionEvent =
  | { readonly stage: 'wait'; readonly message: string }
  | { readonly stage: 'index'; readonly bytes: number; readonly via: 'apt' | 'http' }
  | { readonly stage: 'download'; readonly what: string; readonly bytes: number; readonly total: number; readonly packages: number }
  | { readonly stage: 'unpack'; readonly what: string }
  | { readonly stage: 'ready'; readonly what: string; readonly folder: string }
  | { readonly stage: 'warning'; readonly message: string };

/** Options of `provision`. */
export interface ProvisionOptions extends AssetOptions {
  /** Base URI of the archive; default `$DEB_BASE`, else this system's own Debian mirror. */
  readonly mirror?: string;
  /** Default `'apt'` where apt-get exists, else `'http'`. */
  readonly transport?: 'apt' | 'http';
  /** Ask the archive for newer versions even if everything is there. Default false. */
  readonly refresh?: boolean;
  readonly onProgress?: (event: ProvisionEvent) => void;
}

const [STABLE, BACKPORTS] = ['trixie', 'trixie-backports'] as const;
const KERNEL_PACKAGE = 'linux-image-amd64';
const BUSYBOX_PACKAGE = 'busybox-static';

/**
 * Makes sure a boot of `options.kernel` has all it needs and returns it; fetches only what is missing. Safe to run
 * twice at once and to kill at any time. Throws GuestError: ARCHIVE, UNPACK, KERNEL, or ASSETS on a system it cannot
 * serve.
 */
export async function provision(options: ProvisionOptions = {}): Promise<GuestAssets> {
  if (!options.refresh) {
    const already = await locate(options);
    if (already.ok) return already.assets;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new GuestError('ASSETS', `real guests need Linux on x86-64, this is ${process.platform} on ${process.arch}: use a Linux container or VM`);
  }
  const { kernel: choice = '7.3', onProgress = () => undefined, env = process.env } = options;
  const named = env.SIOV_QEMU ? await findQemu(env, undefined) : undefined;
  if (typeof named === 'string') throw new GuestError('ASSETS', named); // nothing that is fetched would mend it
  const cache = cacheFolder(options);
  if (!isDebianKernel(choice)) await kernelFromPath(choice, cache); // a bad path should fail before a download
  const onWait = () => onProgress({ stage: 'wait', message: 'another process is provisioning; waiting for it' });
  await withLock(cache, () => fetchMissing(cache, options), onWait);
  const located = await locate(options);
  if (!located.ok) throw new GuestError('ASSETS', located.reason);
  return located.assets;
}

async function fetchMissing(cache: string, options: ProvisionOptions): Promise<void> {
  await sweep(cache);
  if (!options.refresh && (await locate(options)).ok) return; // whoever held the lock has done it
  await new Promise<void>((resolve, reject) => {
    execFile('xz', ['--version'], (error) => (error ? reject(new GuestError('ASSETS', 'cannot run xz: install xz-utils')) : resolve()));
  });
  const work = await temporaryFolder(cache);
  try {
    const job = await openJob(cache, work, options);
    const { env = process.env, kernel: choice = '7.3' } = options;
    const current = options.refresh ? {} : await readCurrent(cache);
    const qemu = await findQemu(env, current.qemu && join(cache, current.qemu));
    if (typeof qemu === 'string') await addQemu(job);
    if (!current.busybox) await addBusybox(job);
    if (isDebianKernel(choice) && !(await hasKernel(cache, current[`kernel-${choice}`]))) await addKernel(job, choice);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function hasKernel(cache: string, folder: string | undefined): Promise<boolean> {
  if (folder === undefined) return false;
  return openKernelFolder('', join(cache, folder)).then(
    () => true,
    () => false,
  );
}

/** A provisioning run: the archive is open, its indexes are read. */
interface Job {
  readonly cache: string;
  readonly work: string;
  readonly transport: ArchiveTransport;
  readonly stable: PackageIndex;
  readonly backports: PackageIndex;
  readonly onProgress: (event: ProvisionEvent) => void;
}

async function openJob(cache: string, work: string, options: ProvisionOptions): Promise<Job> {
  const { env = process.env, onProgress = () => undefined } = options;
  const base = (options.mirror ?? (await findArchiveBase(env))).replace(/\/+$/, '');
  const kind = options.transport ?? ((await hasApt()) ? 'apt' : 'http');
  const aptConfig = kind === 'http' ? await aptConfigDump() : '';
  const state = join(work, 'archive');
  const transport = kind === 'apt' ? aptTransport(base, state) : httpTransport(base, state, (url) => proxyFor(url, env, aptConfig));
  const onBytes = (bytes: number) => onProgress({ stage: 'index', bytes, via: kind });
  const [stableText = '', backportsText = ''] = await transport.indexes([STABLE, BACKPORTS], onBytes);
  for (const message of transport.warnings) onProgress({ stage: 'warning', message });
  const stable = new PackageIndex(stableText);
  return { cache, work, transport, onProgress, stable, backports: new PackageIndex(backportsText, stable) };
}

async function addQemu(job: Job): Promise<void> {
  const packages = resolveClosure(job.backports, [QEMU_PACKAGE]);
  await add(job, 'qemu', packages, (debs, target, scratch) => buildQemuPrefix(debs, target, scratch));
}

async function addBusybox(job: Job): Promise<void> {
  const packages = resolveClosure(job.backports, [BUSYBOX_PACKAGE], (name) => name === BUSYBOX_PACKAGE);
  await add(job, 'busybox', packages, async (debs, target) => {
    await mkdir(target, { recursive: true });
    for await (const entry of readDeb(debs[0] ?? '')) {
      if (entry.type !== 'file' || !/^(usr\/)?bin\/busybox$/.test(entry.path)) continue;
      await writeFile(join(target, 'busybox'), await entry.body());
      await chmod(join(target, 'busybox'), 0o755);
      return;
    }
    throw new GuestError('UNPACK', `${BUSYBOX_PACKAGE} holds no busybox`);
  });
}

/** The metapackage leads to whatever version is current; only image and modules are followed, not what installs them. */
async function addKernel(job: Job, choice: '7.3' | '6.12'): Promise<void> {
  const index = choice === '7.3' ? job.backports : job.stable;
  const packages = resolveClosure(index, [KERNEL_PACKAGE], (name) => /^linux-(image|binary|modules)-/.test(name));
  const useful = packages.filter((pkg) => /\d/.test(pkg.name.replace('amd64', '')));
  await add(job, `kernel-${choice}`, useful, (debs, target) => buildKernelFolder(debs, target));
}

type Build = (debs: readonly string[], target: string, scratch: string) => Promise<void>;

/** Downloads packages, builds the asset from them, moves it into the cache and makes it current. */
async function add(job: Job, slot: string, packages: readonly DebPackage[], build: Build): Promise<void> {
  const lead = packages[0];
  if (!lead) throw new GuestError('ARCHIVE', `nothing to fetch for ${slot}`);
  const name = `${slot}-${lead.version.replace(/[^\w.+~-]/g, '_')}`;
  const debFolder = join(job.work, `${slot}-debs`);
  await mkdir(debFolder, { recursive: true });
  const total = packages.reduce((sum, pkg) => sum + pkg.size, 0);
  const debs = await job.transport.download(packages, debFolder, (bytes) =>
    job.onProgress({ stage: 'download', what: slot, bytes, total, packages: packages.length }),
  );
  job.onProgress({ stage: 'unpack', what: slot });
  const target = join(job.work, slot);
  await build(debs, target, join(job.work, `${slot}-scratch`));
  const folder = await publish(job.cache, target, name);
  await setCurrent(job.cache, slot, name);
  job.onProgress({ stage: 'ready', what: slot, folder });
}
