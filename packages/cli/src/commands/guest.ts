// siov guest: a stock kernel in a real QEMU with our device attached; runs a command in it and returns its status.
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { buildTestModules, Guest, provision } from '@siov/guest-harness';
import type { GuestAssets } from '@siov/guest-harness';
import { UsageError } from '../errors.ts';
import { describeEvent } from '../events.ts';
import { Progress } from '../progress.ts';
import { PROFILES, serveDsa } from '../serving.ts';
import { TraceFile } from '../trace-file.ts';

interface GuestOptions {
  readonly kernel: string;
  readonly profile?: string;
  readonly run?: string;
  readonly trace?: string;
  readonly timeout: string;
  readonly json?: true;
}

const DEFAULT_COMMAND = 'ls /sys/bus/dsa/devices';

export function addGuest(program: Command): void {
  program
    .command('guest')
    .description('boot a stock Linux guest in QEMU with the device attached, load idxd, run a command')
    .option('--kernel <which>', '7.3, 6.12, or the path of a kernel image or a folder with one', '7.3')
    .addOption(new Option('--profile <name>', 'attach this physical function instead of the virtual device').choices(Object.keys(PROFILES)))
    .option('--run <command>', 'shell command to run in the guest', DEFAULT_COMMAND)
    .option('--timeout <seconds>', 'time limit of the command', '300')
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--json', 'print one JSON object: status, stdout, stderr, kernel')
    .action(guest);
}

async function guest(options: GuestOptions): Promise<void> {
  const seconds = Number(options.timeout);
  if (!(seconds > 0)) throw new UsageError(`--timeout ${options.timeout}: not a number of seconds above 0`);
  const progress = new Progress(options.json !== true);
  const assets = await provision({ kernel: options.kernel, onProgress: (event) => progress.provisioning(event) });
  const folder = await mkdtemp(join(tmpdir(), 'siov-'));
  const interrupt = interruptible();
  try {
    process.exitCode = await runInGuest(options, { assets, progress, socketPath: join(folder, 'dsa.sock'), timeoutMs: seconds * 1000, signal: interrupt.signal });
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
  readonly signal: AbortSignal;
}

async function runInGuest(options: GuestOptions, { assets, progress, socketPath, timeoutMs, signal }: Boot): Promise<number> {
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
    progress.say('loading idxd');
    const { movdir64b } = await buildTestModules(assets.kernel);
    for (const module of [movdir64b, 'idxd'] as const) {
      const loaded = await booted.insmod(module);
      if (loaded.status !== 0) throw new Error(`the guest cannot load ${typeof module === 'string' ? module : module.name}: ${loaded.stderr.trim()}`);
    }
    progress.done();
    const result = await booted.run(options.run ?? DEFAULT_COMMAND, { timeoutMs });
    if (options.json === true) {
      const { status, stdout, stderr } = result;
      process.stdout.write(`${JSON.stringify({ status, stdout, stderr, kernel: assets.kernel.release })}\n`);
    } else {
      process.stdout.write(result.stdoutBytes);
      process.stderr.write(result.stderrBytes);
    }
    return result.status;
  } finally {
    server.close();
    trace?.close();
  }
}

/** SIGINT and SIGTERM as an abort: QEMU goes first, then everything unwinds, and the status is the shell's for the signal. */
function interruptible(): { readonly signal: AbortSignal; readonly status: number | null; done(): void } {
  const controller = new AbortController();
  let status: number | null = null;
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((name) => {
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
