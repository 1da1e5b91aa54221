// mask_irq() and unmask_irq(): the outermost level's chip, and nothing where the hardware is that way already.
import type { MaybeSteps, Steps } from '@siov/base';
import type { DescState, IrqDesc } from '../desc.ts';
import { ackIrq } from '../hierarchy.ts';
import { settled } from './settled.ts';

export function maskIrq({ state }: IrqDesc): MaybeSteps<void> {
  const { data, masked } = state;
  if (!masked && data?.chip.irqMask !== undefined) return thenMasked(state, data.chip.irqMask(data), true);
}

export function unmaskIrq({ state }: IrqDesc): MaybeSteps<void> {
  const { data, masked } = state;
  if (masked && data?.chip.irqUnmask !== undefined) return thenMasked(state, data.chip.irqUnmask(data), false);
}

/** mask_ack_irq() */
export function* maskAckIrq(desc: IrqDesc): Steps<void> {
  yield* settled(maskIrq(desc));
  yield* settled(ackIrq(desc.state.data));
}

/** What the chip does, and that it is done (IRQD_IRQ_MASKED). */
export function* thenMasked(state: DescState, chip: Steps<void>, masked: boolean): Steps<void> {
  yield* chip;
  state.masked = masked;
}
