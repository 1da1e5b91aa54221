// siov serve dsa: the device on a socket until it is told to stop.
import { Option } from 'commander';
import type { Command } from 'commander';
import { VIOMMU_DEVICE, VIOMMU_KERNEL_ARGS } from '@siov/guest-harness';
import type { VfioUserEvent } from '@siov/vfio-user';
import { describeEvent } from '../events.ts';
import { checkViommu, deviceCount, MOST_DEVICES, PROFILES, qemuDeviceOption, serveDsa, socketPaths } from '../serving.ts';
import { TraceFile } from '../trace-file.ts';

interface ServeOptions {
  readonly socket: string;
  readonly devices: string;
  readonly viommu?: true;
  readonly profile?: string;
  readonly trace?: string;
  readonly json?: true;
}

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('serve a device to a VMM over vfio-user')
    .command('dsa')
    .description('serve a DSA: by default a virtual device of one work queue, composed of a Sapphire Rapids-like function')
    .requiredOption('--socket <path>', 'UNIX socket to listen on')
    .option('--devices <count>', `serve that many virtual devices of the one function, 1 to ${MOST_DEVICES}: the first on the socket, the others on path.1, path.2 and so on`, '1')
    .addOption(new Option('--profile <name>', 'serve this physical function as it is instead').choices(Object.keys(PROFILES)))
    .option('--viommu', "the guest has PASIDs of its own, behind QEMU's IOMMU")
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--json', 'print events as JSON, one object a line')
    .action(serve);
}

/** Ends with SIGINT or SIGTERM: the socket files are removed and every resource given back. */
async function serve(options: ServeOptions): Promise<void> {
  const devices = deviceCount(options.devices, options.profile);
  checkViommu(options.viommu === true, options.profile);
  const trace = options.trace === undefined ? undefined : new TraceFile(options.trace);
  const print = (event: VfioUserEvent, device: number) => {
    if (event.kind === 'detached') trace?.flush();
    if (event.kind === 'request') return;
    const line = options.json === true ? jsonLine(event, device, devices) : textLine(event, device, devices);
    if (line !== null) process.stdout.write(`${line}\n`);
  };
  const { close, what } = serveDsa({
    socketPath: options.socket,
    devices,
    onEvent: print,
    ...(options.viommu === true ? { guestPasids: {} } : {}),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(trace === undefined ? {} : { trace: trace.options }),
  });
  if (options.json !== true) {
    process.stdout.write(`serving ${what}. QEMU 10.1 or later, with its memory shared, attaches ${devices === 1 ? 'it' : 'them'} with:\n`);
    process.stdout.write(`  -object memory-backend-memfd,id=m,size=512M,share=on -machine q35,memory-backend=m -m 512M \\\n`);
    if (options.viommu === true) process.stdout.write(`  -device ${VIOMMU_DEVICE} \\\n`);
    process.stdout.write(`  ${socketPaths(options.socket, devices).map((path) => `-device ${qemuDeviceOption(path)}`).join(' \\\n  ')}\n`);
    if (options.viommu === true) process.stdout.write(`The guest's kernel needs: ${VIOMMU_KERNEL_ARGS}\n`);
  }
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  close();
  trace?.close();
}

/** With one device there is nothing to tell apart, and the line is as it always was. */
function jsonLine(event: VfioUserEvent, device: number, devices: number): string {
  return JSON.stringify(devices === 1 ? event : { device, ...event }, (_key, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value));
}

function textLine(event: VfioUserEvent, device: number, devices: number): string | null {
  const line = describeEvent(event);
  return line === null || devices === 1 ? line : `device ${device}: ${line}`;
}
