// A device of ours served in this process, and a stock guest attached to it: what the real-guest tests share.
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TraceEvent } from '@siov/base';
import { buildTestModules, dsaShell, Guest, requireAssets } from '@siov/guest-harness';
import type { BootOptions, GuestAssets, TestModules } from '@siov/guest-harness';
import type { Host } from '@siov/scenarios';
import { realNow } from '@siov/scenarios';
import { serveDsa, socketPaths } from '../src/serving.ts';
import type { GuestPasidOptions, Serving } from '../src/serving.ts';

/** Found or fetched once; where there are none and none may be fetched, tests are skipped, which the run ends by saying. */
export const { assets } = await requireAssets();

export interface ServedDevices {
  readonly serving: Serving;
  readonly host: Host;
  /** Of the first device. */
  readonly socketPath: string;
  readonly socketPaths: readonly string[];
  /** Every crossing so far. */
  readonly events: TraceEvent[];
  /** `on` is called with each crossing as it happens. */
  readonly watch: { on: ((event: TraceEvent) => void) | null };
  /** Device errors: none in a good run. */
  readonly errors: unknown[];
  /** Requests of QEMU's that failed, in a sentence each. */
  readonly refusals: string[];
  /** Clients that came and went. */
  readonly detached: () => number;
  close(): void;
}

export function served(profile?: string, devices = 1, guestPasids?: GuestPasidOptions): ServedDevices {
  const folder = mkdtempSync(join(tmpdir(), 'siov-served-'));
  const socketPath = join(folder, 'dsa.sock');
  const events: TraceEvent[] = [];
  const watch: ServedDevices['watch'] = { on: null };
  const errors: unknown[] = [];
  const refusals: string[] = [];
  let detached = 0;
  const sink = (event: TraceEvent) => {
    events.push(event);
    watch.on?.(event);
  };
  const serving = serveDsa({
    socketPath,
    devices,
    trace: { now: realNow, sink },
    ...(profile === undefined ? {} : { profile }),
    ...(guestPasids === undefined ? {} : { guestPasids }),
    onEvent: (event) => {
      if (event.kind === 'device-error' || event.kind === 'server-error') errors.push(event);
      if (event.kind === 'request' && event.errno !== undefined) refusals.push(`${event.command}: ${event.errno}: ${event.message ?? ''}`);
      if (event.kind === 'detached') detached += 1;
    },
  });
  return {
    serving,
    host: serving.host,
    socketPath,
    socketPaths: socketPaths(socketPath, devices),
    events,
    watch,
    errors,
    refusals,
    detached: () => detached,
    close() {
      serving.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Boots a guest on the device and loads what lets idxd run under emulation, then idxd. */
export async function bootWithIdxd(from: GuestAssets, device: ServedDevices, boot: Pick<BootOptions, 'viommu'> = {}): Promise<{ guest: Guest; modules: TestModules }> {
  const modules = await buildTestModules(from.kernel);
  const guest = await Guest.boot({ assets: from, vfioUserSocket: device.socketPaths, ...boot });
  for (const module of [modules.movdir64b, 'idxd'] as const) {
    const loaded = await guest.insmod(module);
    if (loaded.status !== 0) throw new Error(`insmod ${typeof module === 'string' ? module : module.name}: ${loaded.stderr}`);
  }
  return { guest, modules };
}

/** The same, with a kernel work queue of the virtual device configured and enabled. */
export async function bootWithQueue(from: GuestAssets, device: ServedDevices): Promise<{ guest: Guest; modules: TestModules }> {
  const booted = await bootWithIdxd(from, device);
  await booted.guest.sh(configureQueue() + dsaShell.enable());
  return booted;
}

/** A kernel work queue, through sysfs: of a device whose configuration is fixed, or of one that is ours to configure. */
export function configureQueue(profile?: string): string {
  return profile === undefined ? dsaShell.configureFixed() : dsaShell.configure();
}

/** Counts of the guest's interrupts whose line ends with `action`, summed over CPUs and lines. */
export async function interruptCount(guest: Guest, action: string): Promise<number> {
  const lines = (await guest.sh('cat /proc/interrupts')).split('\n').filter((line) => line.trimEnd().endsWith(action));
  return lines.reduce((sum, line) => sum + (/^\s*\d+:((?:\s+\d+)+)/.exec(line)?.[1] ?? '').trim().split(/\s+/).reduce((part, count) => part + Number(count), 0), 0);
}

/** What idxd says of a guest without IOMMU and of a device without performance monitor: expected at every probe. */
const EXPECTED = /No in-kernel DMA with PASID|Failed to initialize perfmon|Unable to turn on user SVA/;

/** Warnings and worse in the guest's kernel log, from idxd's first word on. */
export async function kernelComplaints(guest: Guest): Promise<string[]> {
  const lines = (await guest.sh('dmesg -r')).split('\n');
  const first = lines.findIndex((line) => line.includes('idxd'));
  return lines.slice(first).filter((line) => (Number(/^<(\d+)>/.exec(line)?.[1] ?? 7) & 7) <= 4 && !EXPECTED.test(line));
}

/** Process ids of QEMUs this process started for `socketPath`. */
export function qemusOf(socketPath: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(socketPath);
      } catch {
        return false;
      }
    });
}

/** Open descriptors of this process of the kinds a client brings: eventfds and memory files. */
export function clientDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.includes('memfd:') || target === 'anon_inode:[eventfd]' ? [target] : [];
    } catch {
      return [];
    }
  });
}
