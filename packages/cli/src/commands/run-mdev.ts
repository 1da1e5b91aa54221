// siov run mdev: the whole chain in one process, with a guest and a VMM of our own.
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { traceLine } from '@siov/base';
import { mermaid, svg } from '@siov/base/diagram';
import type { TraceEvent } from '@siov/base';
import { DEFAULT_COPIES, realNow, runMdev } from '@siov/scenarios';
import type { MdevRun } from '@siov/scenarios';
import { UsageError } from '../errors.ts';
import { interruptTable } from '../interrupt-table.ts';
import { sequenceOf } from '../sequence.ts';
import { timeline } from '../timeline.ts';
import { TraceFile } from '../trace-file.ts';

interface RunOptions {
  readonly copies: string;
  readonly registers?: true;
  readonly trace?: string;
  readonly mermaid?: true;
  readonly svg?: string;
  readonly json?: true;
}

export function addRun(program: Command): void {
  program
    .command('run')
    .description('run a whole machine in this process')
    .command('mdev')
    .description('a guest driver requests its interrupt on a mediated device and copies memory with it')
    .option('--copies <bytes,...>', 'sizes of the copies the guest makes', DEFAULT_COPIES.join(','))
    .option('--registers', 'show register accesses in the timeline too')
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--mermaid', 'print the run as a Mermaid sequence diagram, and nothing else')
    .option('--svg <file>', 'draw the run as a sequence diagram, a lane an agent')
    .option('--json', 'print the result and the crossings as one JSON object')
    .action(run);
}

function run(options: RunOptions): void {
  const copies = options.copies.split(',').map((text) => {
    const size = Number(text);
    if (!Number.isInteger(size) || size <= 0 || size > 0x200000) throw new UsageError(`--copies ${text}: a size is a whole number of bytes from 1 to 2097152`);
    return size;
  });
  const events: TraceEvent[] = [];
  const result = runMdev({ copies, trace: { now: realNow, sink: (event) => events.push(event) } });
  const registers = options.registers === true;
  const sequence = () => sequenceOf('siov run mdev', events, { registers });
  if (options.trace !== undefined) writeTrace(options.trace, events);
  if (options.svg !== undefined) writeDiagram(options.svg, svg(sequence()));
  if (options.mermaid === true) process.stdout.write(mermaid(sequence()));
  else if (options.json === true) process.stdout.write(`${JSON.stringify({ ...result, crossings: events.map((event) => JSON.parse(traceLine(event)) as unknown) })}\n`);
  else print(result, events, registers);
  if (!isClean(result)) throw new UsageError('the host holds more after the guest left than before it came');
}

function writeDiagram(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(`cannot write the diagram to ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
  }
}

function writeTrace(path: string, events: readonly TraceEvent[]): void {
  const file = new TraceFile(path);
  for (const event of events) file.options.sink(event);
  file.close();
}

function print(result: MdevRun, events: readonly TraceEvent[], registers: boolean): void {
  const { copies, completionInterrupts, softwareErrors } = result;
  process.stdout.write(`${timeline(events, { registers })}\n`);
  process.stdout.write(`Interrupts while the work queue was enabled:\n\n${interruptTable('guest', result.guestInterrupts)}\n${interruptTable('host', result.hostInterrupts)}\n`);
  process.stdout.write(`${copies.count} copies, ${copies.bytes} bytes verified, ${completionInterrupts} completion interrupts, ${softwareErrors} software errors\n`);
  process.stdout.write(`held by the host after the guest left: ${isClean(result) ? 'what it held before' : JSON.stringify(result.after)}\n`);
  process.stdout.write(`\n${NEXT}\n`);
}

const NEXT = `The same under a stock Linux kernel in a real QEMU (fetched from Debian the first time, about 170 MB):
  npx -y pnpm@12.21.0 siov guest --copies 1000 --trace /tmp/guest.trace`;

function isClean({ before, after }: MdevRun): boolean {
  return Object.entries(before).every(([key, value]) => after[key] === value);
}
