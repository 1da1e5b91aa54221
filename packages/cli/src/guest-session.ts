// One guest's life with our devices: served, booted, made ready, its command run, and everything given back.
import { buildTestModules, dsaShell, Guest, GuestError } from '@siov/guest-harness';
import type { GuestAssets, ModuleImage } from '@siov/guest-harness';
import { hostCounters } from '@siov/scenarios';
import { UsageError } from './errors.ts';
import { describeEvent } from './events.ts';
import { deviceFigures, guestDevices } from './guest-figures.ts';
import { differences, printOutcome, statusOf } from './guest-report.ts';
import type { Copied, Outcome } from './guest-report.ts';
import type { Progress } from './progress.ts';
import { serveDsa, socketPaths } from './serving.ts';
import type { Serving } from './serving.ts';
import { TraceFile } from './trace-file.ts';

export interface GuestOptions {
  readonly kernel: string;
  readonly devices: string;
  readonly viommu?: true;
  readonly profile?: string;
  readonly run?: string;
  readonly enable?: true;
  readonly copies?: string;
  readonly trace?: string;
  readonly timeout: string;
  readonly json?: true;
}

export const DEFAULT_COMMAND = 'ls /sys/bus/dsa/devices; grep -e CPU0 -e idxd /proc/interrupts';

export interface Boot {
  readonly assets: GuestAssets;
  readonly progress: Progress;
  readonly socketPath: string;
  readonly timeoutMs: number;
  /** Of each device; 0: none. */
  readonly copies: number;
  readonly devices: number;
  readonly signal: AbortSignal;
}

/** The exit status. Throws GuestError or {@link UsageError} when the guest does not come as far as its command. */
export async function runInGuest(options: GuestOptions, boot: Boot): Promise<number> {
  const { progress, socketPath, devices } = boot;
  const trace = options.trace === undefined ? undefined : new TraceFile(options.trace);
  const gone = countdown(devices);
  const serving = serveDsa({
    socketPath,
    devices,
    onEvent: (event) => {
      if (event.kind === 'device-error' || event.kind === 'server-error') progress.warn(describeEvent(event) ?? event.kind);
      if (event.kind === 'detached') gone.one();
    },
    ...(options.viommu === true ? { guestPasids: {} } : {}),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(trace === undefined ? {} : { trace: trace.options }),
  });
  try {
    const before = hostCounters(serving.host);
    const outcome = await runBooted(options, boot, serving);
    await gone.all;
    const left = differences(before, hostCounters(serving.host));
    progress.done();
    printOutcome(outcome, left, options.json === true);
    return statusOf(outcome, left);
  } finally {
    serving.close();
    trace?.close();
  }
}

/** The guest's life, from boot to the end of QEMU. */
async function runBooted(options: GuestOptions, boot: Boot, serving: Serving): Promise<Outcome> {
  const { assets, progress, socketPath, signal, devices, timeoutMs } = boot;
  const kernel = assets.kernel.release;
  progress.say(`booting Linux ${kernel}`);
  await using booted = await Guest.boot({ assets, vfioUserSocket: socketPaths(socketPath, devices), viommu: options.viommu === true && 'pasid', signal });
  const copied = await prepare(booted, options, boot, serving);
  progress.done();
  const result = await booted.run(options.run ?? DEFAULT_COMMAND, { timeoutMs }).catch((error: unknown) => {
    if (error instanceof GuestError && error.code === 'TIMEOUT') return error;
    throw error;
  });
  return { result, kernel, copied };
}

/** Loads idxd, and does what else was asked for. */
async function prepare(booted: Guest, options: GuestOptions, { assets, progress, copies }: Boot, serving: Serving): Promise<Copied | null> {
  progress.say('loading idxd');
  const { movdir64b, dmaclient } = await buildTestModules(assets.kernel);
  for (const module of [movdir64b, 'idxd'] as const) await load(booted, module);
  if (options.enable !== true && copies === 0) return null;
  const devices = await guestDevices(booted);
  progress.say(devices.length === 1 ? 'enabling a work queue' : `enabling ${devices.length} work queues`);
  for (const { device } of devices) {
    await booted.sh(options.profile === undefined && options.viommu !== true ? dsaShell.configureFixed({ device }) : dsaShell.configure({ device }));
    await booted.sh(dsaShell.enable({ device }));
  }
  if (copies === 0) return null;
  progress.say(`copying ${copies} times${devices.length === 1 ? '' : ' on each'}`);
  await load(booted, dmaclient, [`copies=${copies}`, 'depth=1', `channels=${devices.length}`]);
  return { said: (await booted.dmesg()).match(/dmaclient: copies=.*/g) ?? [], figures: await deviceFigures(booted, serving, devices) };
}

async function load(booted: Guest, module: ModuleImage | string, parameters: readonly string[] = []): Promise<void> {
  const loaded = await booted.insmod(module, parameters, { timeoutMs: 600_000 });
  if (loaded.status === 0) return;
  const tail = (await booted.dmesg()).trimEnd().split('\n').at(-1) ?? '';
  throw new UsageError(`the guest cannot load ${typeof module === 'string' ? module : module.name}: ${loaded.stderr.trim()} (${tail})`);
}

/** `all` resolves after `count` calls of `one`. */
function countdown(count: number): { one(): void; readonly all: Promise<void> } {
  let left = count;
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    one() {
      left -= 1;
      if (left === 0) resolve();
    },
    all: promise,
  };
}
