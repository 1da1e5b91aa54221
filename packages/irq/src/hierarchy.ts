// The levels of an interrupt from the device's to the CPU's: what one cannot do, the next one inwards is asked for
// (irq_chip_ack_parent() and its like). Acknowledging happens at every interrupt and so makes nothing new.
import { fail } from '@siov/base';
import type { MaybeSteps, Result } from '@siov/base';
import type { IrqChip, IrqData, MsiMsg } from './chip.ts';

/** From the outside in; nothing for an interrupt without levels. */
export function* hierarchy(data: IrqData | null): Generator<IrqData, void, void> {
  for (let level = data; level !== null; level = level.parent) yield level;
}

/** The first level whose chip has the callback; null when none has. */
export function levelWith(data: IrqData | null, callback: keyof IrqChip): IrqData | null {
  for (let level = data; level !== null; level = level.parent) if (level.chip[callback] !== undefined) return level;
  return null;
}

/** A level of a hierarchy whose inner levels are `parent` and what is behind it. */
export function irqData(level: Omit<IrqData, 'acknowledger'>): IrqData {
  const { virq, desc, domain, hwirq, chip, chipData, parent } = level;
  const data = { virq, desc, domain, hwirq, chip, chipData, parent, acknowledger: parent === null ? null : parent.acknowledger };
  if (chip.irqAck !== undefined) data.acknowledger = data;
  return data;
}

export function ackIrq(data: IrqData | null): MaybeSteps<void> {
  const level = data === null ? null : data.acknowledger;
  if (level !== null) return level.chip.irqAck?.(level);
}

export function eoiIrq(data: IrqData | null): MaybeSteps<void> {
  for (let level = data; level !== null; level = level.parent) {
    if (level.chip.irqEoi !== undefined) return level.chip.irqEoi(level);
  }
}

/** irq_chip_retrigger_hierarchy(): whether the hardware raised the interrupt again. */
export function retriggerIrq(data: IrqData | null): boolean {
  for (let level = data; level !== null; level = level.parent) {
    if (level.chip.irqRetrigger !== undefined) return level.chip.irqRetrigger(level);
  }
  return false;
}

/** irq_chip_compose_msi_msg(): the first level outside-in that can compose. */
export function composeMsiMsg(data: IrqData): Result<MsiMsg, 'ENOSYS'> {
  const level = levelWith(data, 'irqComposeMsiMsg');
  const message = level?.chip.irqComposeMsiMsg?.(level);
  if (message !== undefined) return { ok: true, value: message };
  return fail('ENOSYS', `irq ${data.virq}: no level of its hierarchy composes MSI messages`);
}
