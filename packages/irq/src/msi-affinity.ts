// msi_domain_set_affinity(): the level below finds the new target, then the message follows (kernel/irq/msi.c).
import { fail } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { AffinityErrno, AffinityOutcome, IrqData, MsiMsg } from './chip.ts';
import type { CpuMask } from './cpu-mask.ts';
import { composeMsiMsg } from './hierarchy.ts';

/** Composes what the hierarchy says now and stores it, in the descriptor and in the slot (irq_msi_update_msg()). */
export function* updateMsiMsg(data: IrqData): Steps<Result<MsiMsg, 'EINVAL'>> {
  const message = composeMsiMsg(data);
  if (!message.ok) return fail('EINVAL', message.message);
  yield* writeMsiMsg(data, message.value);
  return message;
}

/** Remembers the message before it is written: what the slot may hold from the first word on. */
export function* writeMsiMsg(data: IrqData, message: MsiMsg): Steps<void> {
  (data.chipData as { message: MsiMsg }).message = message;
  if (data.chip.irqWriteMsiMsg !== undefined) yield* data.chip.irqWriteMsiMsg(data, message);
}

/** The affinity of the nearest inner level that has one (irq_chip_set_affinity_parent()). `EINVAL`: none has. */
export function* setParentAffinity(data: IrqData, mask: CpuMask, force: boolean): Steps<Result<AffinityOutcome, AffinityErrno>> {
  for (let level = data.parent; level !== null; level = level.parent) {
    if (level.chip.irqSetAffinity !== undefined) return yield* level.chip.irqSetAffinity(level, mask, force);
  }
  return fail('EINVAL', `irq ${data.virq}: no level of its hierarchy can set an affinity`);
}

/** The default of every MSI chip. With `done` from below (interrupt remapping) the device's message stays as it is. */
export function* msiDomainSetAffinity(data: IrqData, mask: CpuMask, force: boolean): Steps<Result<AffinityOutcome, AffinityErrno>> {
  const moved = yield* setParentAffinity(data, mask, force);
  if (!moved.ok || moved.value === 'done') return moved;
  const updated = yield* updateMsiMsg(data);
  return updated.ok ? moved : updated;
}
