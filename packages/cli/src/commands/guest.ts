// siov guest: a stock kernel in a real QEMU with our device attached; runs a command in it and returns its status.
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { buildTestModules, dsaShell, Guest, GuestError, provision } from '@siov/guest-harness';
import type { GuestAssets, ModuleImage } from '@siov/guest-harness';
import { UsageError } from '../errors.ts';
import { describeEvent } from '../events.ts';
import { Progress } from '../progress.ts';
import { PROFILES, serveDsa } from '../serving.ts';
import { TraceFile } from '../trace-file.ts';

interface GuestOptions {
  readonly kernel: string;
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
    .description('boot a stock Linux guest in QEMU with the device attached, load idxd, run a command')
    .option('--kernel <which>', '7.3, 6.12, or the path of a kernel image or a folder with one', '7.3')
    .addOption(new Option('--profile <name>', 'attach this physical function instead of the virtual device').choices(Object.keys(PROFILES)))
    .option('--run <command>', 'shell command to run in the guest', DEFAULT_COMMAND)
    .option('--enable', 'configure and enable a kernel work queue first: its vector is requested, an IMS entry set up')
    .option('--copies <count>', 'also copy memory that often through it, each copy verified and with an interrupt of its own')
    .option('--timeout <seconds>', 'time limit of the command', '300')
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--json', 'print one JSON object: status, stdout, stderr, kernel, and what the copies did')
    .action(guest);
}

async function guest(options: GuestOptions): Promise<void> {
  const seconds = Number(options.timeout);
  if (!(seconds > 0)) throw new UsageError(`--timeout ${options.timeout}: not a number of seconds above 0`);
  const copies = options.copies === undefined ? 0 : Number(options.copies);
  if (options.copies !== undefined && !(Number.isInteger(copies) && copies >= 1 && copies <= MOST_COPIES)) {
    throw new UsageError(`--copies ${options.copies}: not a whole number from 1 to ${MOST_COPIES}`);
  }
  const progress = new Progress(options.json !== true);
  const assets = await provision({ kernel: options.kernel, onProgress: (event) => progress.provisioning(event) });
  const folder = await mkdtemp(join(tmpdir(), 'siov-'));
  const interrupt = interruptible();
  try {
    process.exitCode = await runInGuest(options, { assets, progress, socketPath: join(folder, 'dsa.sock'), timeoutMs: seconds * 1000, copies, signal: interrupt.signal });
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
  /** 0: none. */
  readonly copies: number;
  readonly signal: AbortSignal;
}

async function runInGuest(options: GuestOptions, boot: Boot): Promise<number> {
  const { assets, progress, socketPath, signal } = boot;
  const trace = options.trace === undefined ? undefined : new TraceFile(options.trace);
  const { server } = serveDsa({
    socketPath,
    onEvent: (event) => {
      if (event.kind === 'device-error' || event.kind === 'server-error') progress.warn(describeEvent(event) ?? event.kind);
    },
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(trace === undefined ? {} : { trace: trace.options }),
  });
  try {
    progress.say(`booting Linux ${assets.kernel.release}`);
    await using booted = await Guest.boot({ assets, vfioUserSocket: socketPath, signal });
    const copied = await prepare(booted, options, boot);
    progress.done();
    return await runCommand(booted, options, boot, copied);
  } finally {
    server.close();
    trace?.close();
  }
}

/** Loads idxd, and what else was asked for. The result is what the copies did, in the DMA client's own words. */
async function prepare(booted: Guest, options: GuestOptions, { assets, progress, copies }: Boot): Promise<string | null> {
  progress.say('loading idxd');
  const { movdir64b, dmaclient } = await buildTestModules(assets.kernel);
  for (const module of [movdir64b, 'idxd'] as const) await load(booted, module);
  if (options.enable !== true && copies === 0) return null;
  progress.say('enabling a work queue');
  await booted.sh(options.profile === undefined ? dsaShell.configureFixed() : dsaShell.configure());
  await booted.sh(dsaShell.enable());
  if (copies === 0) return null;
  progress.say(`copying ${copies} times`);
  await load(booted, dmaclient, [`copies=${copies}`, 'depth=1']);
  return /dmaclient: copies=.*/.exec(await booted.dmesg())?.[0] ?? null;
}

async function load(booted: Guest, module: ModuleImage | string, parameters: readonly string[] = []): Promise<void> {
  const loaded = await booted.insmod(module, parameters, { timeoutMs: 600_000 });
  if (loaded.status === 0) return;
  const tail = (await booted.dmesg()).trimEnd().split('\n').at(-1) ?? '';
  throw new UsageError(`the guest cannot load ${typeof module === 'string' ? module : module.name}: ${loaded.stderr.trim()} (${tail})`);
}

/** As timeout(1) ends when the command did not. */
const TIMED_OUT = 124;

async function runCommand(booted: Guest, options: GuestOptions, { assets, timeoutMs }: Boot, copied: string | null): Promise<number> {
  const result = await booted.run(options.run ?? DEFAULT_COMMAND, { timeoutMs }).catch((error: unknown) => {
    if (error instanceof GuestError && error.code === 'TIMEOUT') return error;
    throw error;
  });
  const kernel = assets.kernel.release;
  const copies = copied === null ? {} : { copies: copied };
  if (result instanceof GuestError) {
    if (options.json === true) process.stdout.write(`${JSON.stringify({ status: null, timedOut: true, message: result.message, kernel, ...copies })}\n`);
    else process.stderr.write(`siov: ${result.message}\n`);
    return TIMED_OUT;
  }
  const { status, stdout, stderr } = result;
  if (options.json === true) process.stdout.write(`${JSON.stringify({ status, stdout, stderr, kernel, ...copies })}\n`);
  else {
    if (copied !== null) process.stdout.write(`${copied}\n`);
    process.stdout.write(result.stdoutBytes);
    process.stderr.write(result.stderrBytes);
  }
  return status;
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
