// What a driver of interrupt hardware implements (struct irq_chip), and one level of an interrupt's hierarchy.
import type { Result, Steps } from '@siov/base';
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
  hwirq: number;
  chip: IrqChip;
  /** What the chip needs to find its hardware: an MSI descriptor, a table index. */
  chipData: unknown;
  readonly parent: IrqData | null;
}

/**
 * struct irq_chip. Callbacks run with the descriptor's lock held and may access registers. A chip of an inner level
 * implements only what that level can do; the core asks the levels from the outside in.
 */
export interface IrqChip {
  readonly name: string;
  irqMask?(data: IrqData): Steps<void>;
  irqUnmask?(data: IrqData): Steps<void>;
  irqAck?(data: IrqData): Steps<void>;
  irqEoi?(data: IrqData): Steps<void>;
  /** Instead of unmasking at start-up. */
  irqStartup?(data: IrqData): Steps<void>;
  /** Instead of masking at shut-down. */
  irqShutdown?(data: IrqData): Steps<void>;
  /** The message that makes this level's hardware raise the interrupt. */
  irqComposeMsiMsg?(data: IrqData): MsiMsg;
  irqWriteMsiMsg?(data: IrqData, message: MsiMsg): Steps<void>;
  /** irq_chip_retrigger: true when the interrupt was raised again. */
  irqRetrigger?(data: IrqData): boolean;
}

/** A flow handler (handle_edge_irq and its like): what happens when the interrupt arrives. */
export type FlowHandler = (desc: IrqDesc, cpu: number) => Steps<void>;

/** The levels of an interrupt from the device's to the CPU's. */
export function* hierarchy(data: IrqData): Generator<IrqData, void, void> {
  for (let level: IrqData | null = data; level !== null; level = level.parent) yield level;
}

/** irq_chip_compose_msi_msg(): the first level outside-in that can compose. */
export function composeMsiMsg(data: IrqData): Result<MsiMsg, 'ENOSYS'> {
  for (const level of hierarchy(data)) {
    const message = level.chip.irqComposeMsiMsg?.(level);
    if (message !== undefined) return { ok: true, value: message };
  }
  return { ok: false, errno: 'ENOSYS', message: `irq ${data.virq}: no level of its hierarchy composes MSI messages` };
}
