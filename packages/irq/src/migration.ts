// Moves that wait for the interrupt itself (kernel/irq/migration.c): done while it is acknowledged.
import type { MaybeSteps, Steps } from '@siov/base';
import { irqDoSetAffinity } from './affinity.ts';
import type { IrqData } from './chip.ts';
import type { CpuMask } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';

/** irq_move_irq(), for a chip's acknowledgement: nothing to do, and done at once, unless a move is waiting. */
export function irqMoveIrq(data: IrqData): MaybeSteps<void> {
  const { state } = data.desc;
  if (state.pendingAffinity !== null && !state.disabled) return moveIrq(data.desc, state.pendingAffinity);
}

/** __irq_move_irq(): masked at the hardware around the change, unless it is masked anyway. */
function moveIrq(desc: IrqDesc, mask: CpuMask): Steps<void> {
  const move = moveMaskedIrq(desc, mask);
  return desc.state.masked ? move : withChipMasked(desc, move);
}

/** With the interrupt masked at its chip for the time of `body`, which the core does not know of. */
export function* withChipMasked({ state }: IrqDesc, body: Steps<void>): Steps<void> {
  const { data } = state;
  if (data?.chip.irqMask !== undefined) yield* data.chip.irqMask(data);
  yield* body;
  if (data?.chip.irqUnmask !== undefined) yield* data.chip.irqUnmask(data);
}

/** irq_move_masked_irq(): vectors that are busy with the last move get this one with the next interrupt. */
function* moveMaskedIrq(desc: IrqDesc, mask: CpuMask): Steps<void> {
  const { state } = desc;
  state.pendingAffinity = null;
  if (state.perCpu) return;
  // Where no CPU of the mask is online any more this fails, and the move is off.
  const moved = yield* irqDoSetAffinity(desc, mask, false);
  if (!moved.ok && moved.errno === 'EBUSY') state.pendingAffinity = mask;
}

/**
 * irq_fixup_move_pending(): the mask of a move that waits, if a CPU of it is online; else the move is off. With `take`
 * the caller does it now.
 */
export function fixupMovePending({ state, core }: IrqDesc, take: boolean): CpuMask | null {
  const mask = state.pendingAffinity;
  const usable = mask !== null && (mask & core.online) !== 0n;
  if (!usable || take) state.pendingAffinity = null;
  return usable ? mask : null;
}
