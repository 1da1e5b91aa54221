// mask_irq() and unmask_irq(): the outermost level's chip, and nothing where the hardware is that way already.
import type { MaybeSteps, Steps } from '@siov/base';
import type { IrqDesc } from '../desc.ts';
import { ackIrq } from '../hierarchy.ts';
import { settled } from './settled.ts';

export function maskIrq(desc: IrqDesc): MaybeSteps<void> {
  if (!desc.state.masked && desc.state.data?.chip.irqMask !== undefined) return mask(desc);
}

export function unmaskIrq(desc: IrqDesc): MaybeSteps<void> {
  if (desc.state.masked && desc.state.data?.chip.irqUnmask !== undefined) return unmask(desc);
}

/** mask_ack_irq() */
export function* maskAckIrq(desc: IrqDesc): Steps<void> {
  yield* settled(maskIrq(desc));
  yield* settled(ackIrq(desc.state.data));
}

function* mask({ state }: IrqDesc): Steps<void> {
  if (state.data?.chip.irqMask === undefined) return;
  yield* state.data.chip.irqMask(state.data);
  state.masked = true;
}

function* unmask({ state }: IrqDesc): Steps<void> {
  if (state.data?.chip.irqUnmask === undefined) return;
  yield* state.data.chip.irqUnmask(state.data);
  state.masked = false;
}
