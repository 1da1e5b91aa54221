// siov run SCENARIO: a flow of the review in one process, with a guest and a VMM of our own.
import { writeFileSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { traceLine } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { mermaid, svg } from '@siov/base/diagram';
import { DEFAULT_COPIES, hostSteps, mdevSteps, numbered, realNow, runHostFlow, runMdevFlow, runV6Flow, runVsvmFlow, v6Steps, vsvmSteps } from '@siov/scenarios';
import type { FlowOptions, FlowRun, NumberedStep, StepOptions } from '@siov/scenarios';
import { UsageError } from '../errors.ts';
import { interruptTable } from '../interrupt-table.ts';
import { layersOfManifests } from '../layers.ts';
import { sequenceOf } from '../sequence.ts';
import { timeline } from '../timeline.ts';
import { TraceFile } from '../trace-file.ts';
import { verdictTable } from '../verdict-table.ts';

interface Scenario {
  readonly run: (options: FlowOptions) => FlowRun;
  readonly says: string;
  readonly steps: (options: StepOptions) => readonly NumberedStep[];
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  host: { run: runHostFlow, steps: hostSteps, says: 'the host kernel alone uses the function' },
  mdev: { run: runMdevFlow, steps: mdevSteps, says: 'a mediated device; its guest has no PASIDs' },
  'mdev-vsvm': { run: runVsvmFlow, steps: vsvmSteps, says: 'a mediated device; its guest has PASIDs of its own' },
};

/** The design the review refuted: `mdev-vsvm --design v6`. */
const REFUTED: Scenario = { run: runV6Flow, steps: v6Steps, says: 'the interrupt first, its permission afterwards' };

interface RunOptions {
  readonly design?: 'review' | 'v6';
  readonly copies: string;
  readonly devices: string;
  readonly queue: 'dedicated' | 'shared';
  readonly vectors: string;
  readonly hostCpus: string;
  readonly guestCpus: string;
  readonly vmm: NonNullable<FlowOptions['vmm']>;
  readonly irqfd?: true;
  readonly remapping: NonNullable<FlowOptions['remapping']>;
  readonly store?: NonNullable<FlowOptions['store']>;
  readonly program?: NonNullable<FlowOptions['programAt']>;
  readonly check: NonNullable<FlowOptions['permissionCheck']>;
  readonly registers?: true;
  readonly trace?: string;
  readonly mermaid?: true;
  readonly svg?: string;
  readonly json?: true;
}

export function addRun(program: Command): void {
  const run = program.command('run').description('run a flow of the review, a whole machine in this process');
  for (const [name, scenario] of Object.entries(SCENARIOS)) addScenario(run, name, scenario);
}

function addScenario(run: Command, name: string, scenario: Scenario): void {
  const command = run
    .command(name)
    .description(scenario.says)
    .option('--copies <bytes,...>', 'sizes of the copies each driver makes', DEFAULT_COPIES.join(','))
    .addOption(new Option('--queue <mode>', 'of the work queue').choices(['dedicated', 'shared']).default('dedicated'))
    .option('--host-cpus <n>', 'CPUs of the host, 1 to 64', '2')
    .addOption(new Option('--remapping <mode>', 'of interrupts').choices(name === 'host' ? ['off', 'on', 'posted'] : ['on', 'posted']).default('on'))
    .addOption(new Option('--check <moment>', 'when the device compares PASIDs').choices(['acceptance', 'generation']).default('acceptance'));
  if (name === 'mdev-vsvm') command.addOption(new Option('--design <design>', 'as the review demands it, or as it was proposed').choices(['review', 'v6']).default('review'));
  if (name === 'host') {
    command
      .addOption(new Option('--store <kind>', "where the queue's interrupt comes from").choices(['msix', 'ims']).default('msix'))
      .addOption(new Option('--program <moment>', 'when the chip writes an id into its entry').choices(['allocation', 'startup']).default('startup'));
  } else {
    command
      .option('--devices <n>', 'mediated devices, each in a guest of its own, 1 to 8', '1')
      .option('--vectors <n>', 'vectors of a mediated device, 2 to 9', '2')
      .option('--guest-cpus <n>', 'CPUs of each guest, 1 to 64', '1')
      .addOption(new Option('--vmm <policy>', 'when the VMM takes which vectors').choices(['incremental', 'highest-unmasked', 'all-at-enable', 'dynamic']).default('incremental'))
      .addOption(new Option('--program <moment>', 'when the chip writes an id into its entry').choices(['allocation', 'startup']).default('startup'))
      .option('--irqfd', 'interrupts reach the guest through KVM');
  }
  command
    .option('--registers', 'show register accesses in the timeline too')
    .option('--trace <file>', 'write every crossing between layers, one JSON object a line')
    .option('--mermaid', 'print the run as a Mermaid sequence diagram, and nothing else')
    .option('--svg <file>', 'draw the run as a sequence diagram, a lane an agent')
    .option('--json', 'print the result and the crossings as one JSON object')
    .action((options: RunOptions) => perform(name, scenario, options));
}

function perform(name: string, demanded: Scenario, options: RunOptions): void {
  const refuted = options.design === 'v6';
  if (refuted && (options.queue === 'shared' || options.devices !== '1')) throw new UsageError('--design v6 is one device on a dedicated queue');
  const scenario = refuted ? REFUTED : demanded;
  const events: TraceEvent[] = [];
  const result = scenario.run({ ...flowOptions(options), layers: layersOfManifests(), trace: { now: realNow, sink: (event) => events.push(event) } });
  const registers = options.registers === true;
  const sequence = () => sequenceOf(`siov run ${name}${refuted ? ' --design v6' : ''}`, events, { registers });
  if (options.trace !== undefined) writeTrace(options.trace, events);
  if (options.svg !== undefined) writeDiagram(options.svg, svg(sequence()));
  if (options.mermaid === true) process.stdout.write(mermaid(sequence()));
  else if (options.json === true) process.stdout.write(`${JSON.stringify({ ...result, crossings: events.map((event) => JSON.parse(traceLine(event)) as unknown) })}\n`);
  else print(name, scenario.steps(flowOptions(options)), result, events, registers);
  if (!isClean(result)) throw new UsageError('the host holds more after the drivers left than before they came');
  const broken = result.verdicts.filter(({ violations }) => violations.length > 0);
  if (broken.length > 0) throw new UsageError(`${broken.map(({ invariant }) => invariant).join(', ')} did not hold`);
}

function flowOptions(options: RunOptions): FlowOptions {
  const copies = options.copies.split(',').map((text) => wholeNumber('--copies', text, 1, 0x200000, 'a size is a whole number of bytes'));
  return {
    copies,
    queue: options.queue,
    remapping: options.remapping,
    permissionCheck: options.check,
    hostCpus: wholeNumber('--host-cpus', options.hostCpus, 1, 64),
    devices: wholeNumber('--devices', options.devices ?? '1', 1, 8),
    vectors: wholeNumber('--vectors', options.vectors ?? '2', 2, 9),
    guestCpus: wholeNumber('--guest-cpus', options.guestCpus ?? '1', 1, 64),
    ...(options.vmm === undefined ? {} : { vmm: options.vmm }),
    ...(options.store === undefined ? {} : { store: options.store }),
    ...(options.program === undefined ? {} : { programAt: options.program }),
    irqfd: options.irqfd === true,
  };
}

function wholeNumber(option: string, text: string, least: number, most: number, what = 'a whole number'): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < least || value > most) throw new UsageError(`${option} ${text}: ${what} from ${least} to ${most}`);
  return value;
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

function print(name: string, steps: readonly NumberedStep[], result: FlowRun, events: readonly TraceEvent[], registers: boolean): void {
  const { copies, completionInterrupts, softwareErrors, guestInterrupts, hostInterrupts, vmmErrors, verdicts } = result;
  const { found } = numbered(events, steps);
  const ids = new Map(found.flatMap(({ step, at }) => at.map((index) => [events[index] as TraceEvent, step.id] as const)));
  process.stdout.write(`${timeline(events, { registers, ids })}\n`);
  const guest = guestInterrupts.length === 0 ? '' : `${interruptTable('guest', guestInterrupts)}\n`;
  process.stdout.write(`Interrupts while the work queues were enabled:\n\n${guest}${interruptTable('host', hostInterrupts)}\n`);
  process.stdout.write(hardware(result.tables));
  process.stdout.write(`${copies.count} copies, ${copies.bytes} bytes verified, ${completionInterrupts} completion interrupts, ${softwareErrors} software errors\n`);
  for (const error of vmmErrors) process.stdout.write(`reported by the VMM: ${error}\n`);
  const held = isClean(result) ? 'what it held before' : JSON.stringify(result.after);
  process.stdout.write(`held by the host after the ${name === 'host' ? 'driver' : 'guest'} left: ${held}\n\n${verdictTable(verdicts)}`);
  if (name === 'mdev') process.stdout.write(`\n${NEXT}\n`);
}

function hardware({ entries, remapping, iommu }: FlowRun['tables']): string {
  const table = (title: string, lines: readonly string[]) => (lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `  ${line}\n`).join('')}\n`);
  return table('Message store', entries) + table('Interrupt remapping', remapping) + table('IOMMU', iommu);
}

const NEXT = `The same under a stock Linux kernel in a real QEMU (fetched from Debian the first time, about 170 MB):
  npx -y pnpm@12.21.0 siov guest --copies 1000 --trace /tmp/guest.trace`;

function isClean({ before, after }: FlowRun): boolean {
  return Object.entries(before).every(([key, value]) => after[key] === value);
}
