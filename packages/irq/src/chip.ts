// What a driver of interrupt hardware implements (struct irq_chip), and one level of an interrupt's hierarchy.
import type { MaybeSteps, Result, Steps } from '@siov/base';
import type { CpuMask } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';
import type { IrqDomain } from './domain.ts';

/** An MSI message as a device stores it: 64-bit address in two words, 32-bit data. */
export interface MsiMsg {
  readonly addressLo: number;
  readonly addressHi: number;
  readonly data: number;
}

/** struct irq_data: one level of the hierarchy behind a virq. The outermost level belongs to the device. */
export interface IrqData {
  readonly virq: number;
  readonly desc: IrqDesc;
  readonly domain: IrqDomain;
  readonly hwirq: number;
  readonly chip: IrqChip;
  /** What the chip needs to find its hardware: an MSI descriptor, a state record of the level's own. */
  readonly chipData: unknown;
  readonly parent: IrqData | null;
  /** The level that acknowledges: this one, or the next one inwards that can. Known beforehand, as every interrupt asks. */
  readonly acknowledger: IrqData | null;
}

/** IRQ_TYPE_*: how the line behaves. */
export type TriggerType = 'none' | 'edge-rising' | 'edge-falling' | 'edge-both' | 'level-high' | 'level-low';

/**
 * What setting the affinity did: `ok`: the core stores the mask (IRQ_SET_MASK_OK); `nocopy`: the chip has stored it
 * (IRQ_SET_MASK_OK_NOCOPY); `done`: and no level above needs to do anything (IRQ_SET_MASK_OK_DONE).
 */
export type AffinityOutcome = 'ok' | 'nocopy' | 'done';
export type AffinityErrno = 'EINVAL' | 'EBUSY' | 'ENOSPC';

/** enum irqchip_irq_state */
export type IrqchipState = 'pending' | 'active' | 'masked' | 'line-level';

/** Where a posted interrupt goes (struct vcpu_data): a vector in a posted-interrupt descriptor at a physical address. */
export interface VcpuAffinity {
  readonly descriptor: bigint;
  readonly vector: number;
}

export interface ChipFlags {
  /** IRQCHIP_ONESHOT_SAFE: a threaded handler needs no masking (messages cannot storm). */
  readonly oneshotSafe?: boolean;
  /** IRQCHIP_AFFINITY_PRE_STARTUP: the affinity is set before the first unmask. */
  readonly affinityPreStartup?: boolean;
  /** IRQCHIP_SKIP_SET_WAKE */
  readonly skipSetWake?: boolean;
}

/**
 * struct irq_chip. Callbacks run with the descriptor's lock held and may access registers, the bus lock's without it. A
 * chip of an inner level implements only what that level can do; the core asks the levels from the outside in.
 */
export interface IrqChip {
  readonly name: string;
  readonly flags?: ChipFlags;
  irqMask?(data: IrqData): Steps<void>;
  irqUnmask?(data: IrqData): Steps<void>;
  /** Local to the CPU that took the interrupt: at once, unless a pending move of the interrupt is due. */
  irqAck?(data: IrqData): MaybeSteps<void>;
  irqEoi?(data: IrqData): MaybeSteps<void>;
  /** Instead of unmasking at start-up. */
  irqStartup?(data: IrqData): Steps<void>;
  /** Instead of masking at shut-down. */
  irqShutdown?(data: IrqData): Steps<void>;
  /** Instead of unmasking when a disabled interrupt is enabled. */
  irqEnable?(data: IrqData): Steps<void>;
  /** Makes disable_irq() reach the hardware at once; without it disabling is lazy. */
  irqDisable?(data: IrqData): Steps<void>;
  irqSetAffinity?(data: IrqData, mask: CpuMask, force: boolean): Steps<Result<AffinityOutcome, AffinityErrno>>;
  irqSetType?(data: IrqData, type: TriggerType): Steps<Result<void, 'EINVAL'>>;
  /** For the first action of an interrupt, before its hierarchy is activated. */
  irqRequestResources?(data: IrqData): Steps<Result<void, 'EINVAL' | 'EBUSY' | 'ENOMEM' | 'ENODEV'>>;
  irqReleaseResources?(data: IrqData): Steps<void>;
  /** The chip cannot be reached with interrupts off: changes are collected from here on (may sleep)... */
  irqBusLock?(data: IrqData): Steps<void>;
  /** ...and are effective in the hardware when this returns. */
  irqBusSyncUnlock?(data: IrqData): Steps<void>;
  /** The message that makes this level's hardware raise the interrupt. */
  irqComposeMsiMsg?(data: IrqData): MsiMsg;
  irqWriteMsiMsg?(data: IrqData, message: MsiMsg): Steps<void>;
  /** irq_chip_retrigger: true when the interrupt was raised again. */
  irqRetrigger?(data: IrqData): boolean;
  irqGetIrqchipState?(data: IrqData, which: IrqchipState): Steps<Result<boolean, 'EINVAL'>>;
  irqSetIrqchipState?(data: IrqData, which: IrqchipState, value: boolean): Steps<Result<void, 'EINVAL'>>;
  /** irq_force_complete_move: ends a move whose old vector waits for an interrupt that will not come (CPU going down). */
  irqForceCompleteMove?(data: IrqData): void;
  /** null: back to the host. */
  irqSetVcpuAffinity?(data: IrqData, target: VcpuAffinity | null): Steps<Result<void, 'EINVAL' | 'ENODEV'>>;
}

/**
 * A flow handler (handle_edge_irq and its like): what happens when the interrupt arrives. Done when it returns, unless
 * it returns steps.
 */
export interface FlowHandler {
  /** As /proc/interrupts shows it. */
  readonly name: 'edge' | 'fasteoi' | 'simple';
  handle(desc: IrqDesc, cpu: number): MaybeSteps<void>;
}
