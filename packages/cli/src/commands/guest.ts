// siov guest: a stock kernel in a real QEMU with our device attached; runs a command in it and returns its status.
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { buildTestModules, dsaShell, Guest, GuestError, provision } from '@siov/guest-harness';
import type { CommandResult, GuestAssets, ModuleImage } from '@siov/guest-harness';
import { hostCounters } from '@siov/scenarios';
import { UsageError } from '../errors.ts';
import { describeEvent } from '../events.ts';
import { deviceFigures, figuresText, guestDevices } from '../guest-figures.ts';
import type { DeviceFigures } from '../guest-figures.ts';
import { Progress } from '../progress.ts';
import { checkViommu, deviceCount, MOST_DEVICES, PROFILES, serveDsa, socketPaths } from '../serving.ts';
import type { Serving } from '../serving.ts';
import { TraceFile } from '../trace-file.ts';

interface GuestOptions {
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

const DEFAULT_COMMAND = 'ls /sys/bus/dsa/devices; grep -e CPU0 -e idxd /proc/interrupts';
/** What the DMA client takes. */
const MOST_COPIES = 65536;

export function addGuest(program: Command): void {
  program
    .command('guest')
    .description('boot a stock Linux guest in QEMU with virtual devices of one function attached, load idxd, run a command')
    .option('--kernel <which>', '7.3, 6.12, or the path of a kernel image or a folder with one', '7.3')
    .option('--devices <count>', `virtual devices, each with a work queue of its own: 1 to ${MOST_DEVICES}`, '1')
    .addOption(new Option('--profile <name>', 'attach this physical function instead').choices(Object.keys(PROFILES)))
    .option('--viommu', "put QEMU's IOMMU with PASIDs in front (iommu=pt): the driver gets a PASID for the kernel, its interrupt and its queue carry it")
    .option('--run <command>', 'shell command to run in the guest', DEFAULT_COMMAND)
    .option('--enable', 'configure and enable a kernel work queue of each device first: its vector is requested, an IMS entry set up')
    .option('--copies <count>', 'also copy memory that often through each, by turns; each copy verified and with an interrupt of its own')
    .option('--timeout <seconds>', 'time limit of the command', '300')
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--json', 'print one JSON object: status, stdout, stderr, kernel, and what the copies did, device by device')
    .action(guest);
}

async function guest(options: GuestOptions): Promise<void> {
  const seconds = Number(options.timeout);
  if (!(seconds > 0)) throw new UsageError(`--timeout ${options.timeout}: not a number of seconds above 0`);
  const copies = options.copies === undefined ? 0 : Number(options.copies);
  if (options.copies !== undefined && !(Number.isInteger(copies) && copies >= 1 && copies <= MOST_COPIES)) {
    throw new UsageError(`--copies ${options.copies}: not a whole number from 1 to ${MOST_COPIES}`);
  }
  const devices = deviceCount(options.devices, options.profile);
  checkViommu(options.viommu === true, options.profile);
  const progress = new Progress(options.json !== true);
  const assets = await provision({ kernel: options.kernel, onProgress: (event) => progress.provisioning(event) });
  const folder = await mkdtemp(join(tmpdir(), 'siov-'));
  const interrupt = interruptible();
  try {
    process.exitCode = await runInGuest(options, { assets, progress, socketPath: join(folder, 'dsa.sock'), timeoutMs: seconds * 1000, copies, devices, signal: interrupt.signal });
  } catch (error) {
    if (interrupt.status === null) throw error;
    process.exitCode = interrupt.status;
  } finally {
    interrupt.done();
    progress.done();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Boot {
  readonly assets: GuestAssets;
  readonly progress: Progress;
  readonly socketPath: string;
  readonly timeoutMs: number;
  /** Of each device; 0: none. */
  readonly copies: number;
  readonly devices: number;
  readonly signal: AbortSignal;
}

/** What came of it all, for printing. */
interface Outcome {
  readonly result: CommandResult | GuestError;
  readonly kernel: string;
  readonly copied: Copied | null;
}

interface Copied {
  /** The DMA client's own words. */
  readonly said: readonly string[];
  readonly figures: readonly DeviceFigures[];
}

async function runInGuest(options: GuestOptions, boot: Boot): Promise<number> {
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
    print(outcome, left, options.json === true);
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

/** As timeout(1) ends when the command did not. */
const TIMED_OUT = 124;

function statusOf({ result }: Outcome, left: readonly string[]): number {
  if (result instanceof GuestError) return TIMED_OUT;
  return result.status === 0 && left.length > 0 ? 1 : result.status;
}

function print({ result, kernel, copied }: Outcome, left: readonly string[], json: boolean): void {
  const timedOut = result instanceof GuestError;
  if (json) {
    const said = timedOut ? { status: null, timedOut, message: result.message } : { status: result.status, stdout: result.stdout, stderr: result.stderr };
    const copies = copied === null ? {} : { copies: copied.said.join('\n'), devices: copied.figures };
    process.stdout.write(`${JSON.stringify({ ...said, kernel, ...copies, left })}\n`);
    return;
  }
  if (copied !== null) process.stdout.write(copied.figures.length === 1 ? `${copied.said.join('\n')}\n` : figuresText(copied.figures));
  if (timedOut) process.stderr.write(`siov: ${result.message}\n`);
  else {
    process.stdout.write(result.stdoutBytes);
    process.stderr.write(result.stderrBytes);
  }
  if (left.length > 0) process.stderr.write(`siov: the host does not hold what it held before the guest: ${left.join(', ')}\n`);
}

/** `name after (before)` for what is not as it was. */
function differences(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): string[] {
  return Object.entries(after).flatMap(([name, count]) => (count === before[name] ? [] : [`${name} ${count} (${before[name]})`]));
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

/** SIGINT, SIGTERM and SIGHUP as an abort: QEMU goes first, then everything unwinds, and the status is the shell's for the signal. */
function interruptible(): { readonly signal: AbortSignal; readonly status: number | null; done(): void } {
  const controller = new AbortController();
  let status: number | null = null;
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => {
    const handler = () => {
      status = 128 + constants.signals[name];
      controller.abort();
    };
    process.once(name, handler);
    return () => process.removeListener(name, handler);
  });
  return {
    signal: controller.signal,
    get status() {
      return status;
    },
    done: () => handlers.forEach((remove) => remove()),
  };
}
