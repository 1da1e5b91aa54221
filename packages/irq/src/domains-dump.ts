// What debugfs shows of domains and of one interrupt's levels: /sys/kernel/debug/irq/domains/ and irqs/ (kernel/irq/debugfs.c,
// irq_domain_debug_show() in irqdomain.c). As data; who prints it uses the text below.
import type { IrqData } from './chip.ts';
import type { IrqCore } from './core.ts';
import type { CpuMask } from './cpu-mask.ts';
import { cpuList } from './cpu-mask.ts';
import type { IrqDomain } from './domain.ts';
import { hierarchy } from './hierarchy.ts';

export interface DomainRow {
  readonly name: string;
  /** Of the linear reverse map. */
  readonly size: number;
  readonly mapped: number;
  /** `hierarchy`, `msi-parent`, ... as the domain's flags say. */
  readonly flags: readonly string[];
  readonly parent: string | null;
  /** What the domain has to say of itself. */
  readonly lines: readonly string[];
}

/** `root` and every domain stacked on it, parents before children. */
export function domainRows(root: IrqDomain<never>): DomainRow[] {
  const { name, size, mappings, parent, ops, options } = root;
  const flags = [...(ops.alloc === undefined ? [] : ['hierarchy']), ...(options.msiParent === undefined ? [] : ['msi-parent'])];
  const row = { name, size, mapped: mappings, flags, parent: parent?.name ?? null, lines: ops.debugShow?.(null) ?? [] };
  return [row, ...root.children.flatMap(domainRows)];
}

/** One page a domain, as `cat domains/NAME` prints them, with an empty line between. */
export function domainsText(root: IrqDomain<never>): string {
  return domainRows(root).map((row) => [
    `name:   ${row.name}`,
    ` size:   ${row.size}`,
    ` mapped: ${row.mapped}`,
    ` flags:  ${row.flags.join(' ')}`,
    ...row.lines.map((line) => ` ${line}`),
    ...(row.parent === null ? [] : [` parent: ${row.parent}`]),
  ].join('\n')).join('\n\n');
}

export interface LevelRow {
  readonly domain: string;
  readonly hwirq: number;
  readonly chip: string;
  readonly lines: readonly string[];
}

export interface IrqRow {
  readonly virq: number;
  /** The flow handler. */
  readonly handler: string;
  readonly depth: number;
  /** IRQD_* and IRQS_* that are set. */
  readonly state: readonly string[];
  readonly affinity: CpuMask;
  readonly effective: CpuMask;
  readonly pending: CpuMask | null;
  /** From the device's to the CPU's. */
  readonly levels: readonly LevelRow[];
}

/** The bits shown, by the fields that hold them. */
const BITS = {
  IRQD_ACTIVATED: 'activated',
  IRQD_IRQ_STARTED: 'started',
  IRQD_IRQ_DISABLED: 'disabled',
  IRQD_IRQ_MASKED: 'masked',
  IRQD_IRQ_INPROGRESS: 'inProgress',
  IRQD_AFFINITY_SET: 'affinitySet',
  IRQD_AFFINITY_MANAGED: 'managed',
  IRQD_AFFINITY_ON_ACTIVATE: 'affinityOnActivate',
  IRQD_MANAGED_SHUTDOWN: 'managedShutdown',
  IRQD_MOVE_PCNTXT: 'movePcntxt',
  IRQD_SINGLE_TARGET: 'singleTarget',
  IRQD_CAN_RESERVE: 'canReserve',
  IRQD_HANDLE_ENFORCE_IRQCTX: 'enforceIrqContext',
  IRQS_PENDING: 'pending',
  IRQS_REPLAY: 'replay',
  IRQS_WAITING: 'waiting',
  IRQS_ONESHOT: 'oneshot',
  IRQS_SPURIOUS_DISABLED: 'spuriousDisabled',
} as const;

/** One interrupt; undefined when there is no such. */
export function irqRow(core: IrqCore, virq: number): IrqRow | undefined {
  const state = core.desc(virq)?.state;
  if (state === undefined) return undefined;
  const levels = [...hierarchy(state.data)].map(levelRow);
  const set = Object.entries(BITS).filter(([, field]) => state[field]).map(([bit]) => bit);
  return {
    virq,
    handler: state.flow === null ? 'none' : `handle_${state.flow.name}_irq`,
    depth: state.depth,
    state: state.pendingAffinity === null ? set : [...set, 'IRQD_SETAFFINITY_PENDING'],
    affinity: state.affinity,
    effective: state.effectiveAffinity,
    pending: state.pendingAffinity,
    levels,
  };
}

function levelRow(data: IrqData): LevelRow {
  const { domain, hwirq, chip } = data;
  return { domain: domain.name, hwirq, chip: chip.name, lines: domain.ops.debugShow?.(data) ?? [] };
}

/** As `cat irqs/N` prints it, flags by name only; empty when there is no such interrupt. */
export function irqText(core: IrqCore, virq: number): string {
  const row = irqRow(core, virq);
  if (row === undefined) return '';
  return [
    `handler:  ${row.handler}`,
    `ddepth:   ${row.depth}`,
    'dstate:',
    ...row.state.map((bit) => `            ${bit}`),
    `affinity: ${cpuList(row.affinity)}`,
    `effectiv: ${cpuList(row.effective)}`,
    `pending:  ${cpuList(row.pending ?? 0n)}`,
    ...row.levels.flatMap(levelLines),
  ].join('\n');
}

/** A level inside another is four columns further in. */
function levelLines({ domain, hwirq, chip, lines }: LevelRow, depth: number): string[] {
  const indent = ' '.repeat(depth * 4);
  return [
    ...(depth === 0 ? [] : [`${' '.repeat((depth - 1) * 4)} parent:`]),
    `${indent}domain:  ${domain}`,
    `${indent} hwirq:   0x${hwirq.toString(16)}`,
    `${indent} chip:    ${chip}`,
    ...lines.map((line) => `${indent} ${line}`),
  ];
}
