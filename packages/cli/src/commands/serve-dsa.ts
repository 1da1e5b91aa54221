// siov serve dsa: the device on a socket until it is told to stop.
import { Option } from 'commander';
import type { Command } from 'commander';
import type { VfioUserEvent } from '@siov/vfio-user';
import { describeEvent } from '../events.ts';
import { PROFILES, qemuDeviceOption, serveDsa } from '../serving.ts';
import { TraceFile } from '../trace-file.ts';

interface ServeOptions {
  readonly socket: string;
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
    .addOption(new Option('--profile <name>', 'serve this physical function as it is instead').choices(Object.keys(PROFILES)))
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--json', 'print events as JSON, one object a line')
    .action(serve);
}

/** Ends with SIGINT or SIGTERM: the socket file is removed and every resource given back. */
async function serve(options: ServeOptions): Promise<void> {
  const trace = options.trace === undefined ? undefined : new TraceFile(options.trace);
  const print = (event: VfioUserEvent) => {
    if (event.kind === 'detached') trace?.flush();
    const line = options.json === true ? JSON.stringify(event, (_key, value: unknown) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value)) : describeEvent(event);
    if (line !== null && event.kind !== 'request') process.stdout.write(`${line}\n`);
  };
  const { server, what } = serveDsa({
    socketPath: options.socket,
    onEvent: print,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(trace === undefined ? {} : { trace: trace.options }),
  });
  if (options.json !== true) {
    process.stdout.write(`serving ${what}. QEMU 10.1 or later, with its memory shared, attaches it with:\n`);
    process.stdout.write(`  -object memory-backend-memfd,id=m,size=512M,share=on -machine q35,memory-backend=m -m 512M \\\n`);
    process.stdout.write(`  -device ${qemuDeviceOption(options.socket)}\n`);
  }
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  server.close();
  trace?.close();
}
