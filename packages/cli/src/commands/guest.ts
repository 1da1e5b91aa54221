// siov guest: a stock kernel in a real QEMU with our device attached; runs a command in it and returns its status.
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { provision } from '@siov/guest-harness';
import { UsageError } from '../errors.ts';
import { DEFAULT_COMMAND, runInGuest } from '../guest-session.ts';
import type { GuestOptions } from '../guest-session.ts';
import { Progress } from '../progress.ts';
import { checkViommu, deviceCount, MOST_DEVICES, PROFILES } from '../serving.ts';

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
