// handle_fasteoi_irq(): for controllers that take one "end of interrupt" after the handlers and do the rest themselves.
import { isSteps } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';
import type { FlowHandler } from '../chip.ts';
import type { IrqDesc } from '../desc.ts';
import { eoiIrq } from '../hierarchy.ts';
import { checkIrqResend } from '../resend.ts';
import { enterAtRest, Flow, flowHandler, whileInProgress } from './flow.ts';
import type { Entry } from './flow.ts';
import { maskIrq, unmaskIrq } from './mask.ts';
import { settled } from './settled.ts';

function* unmaskThenEnd(desc: IrqDesc, unmasked: Steps<void>): Steps<boolean> {
  yield* unmasked;
  return yield* thenResend(desc, settled(eoiIrq(desc.state.data)));
}

function* thenResend(desc: IrqDesc, ended: Steps<void>): Steps<boolean> {
  yield* ended;
  if (desc.state.pending) checkIrqResend(desc, false);
  return false;
}

/** The end of interrupt comes last, whatever was done with it. */
class FasteoiFlow extends Flow {
  readonly name = 'fasteoi';

  enter(desc: IrqDesc, cpu: number): Entry {
    const { state } = desc;
    if (state.inProgress) {
      const entry = whileInProgress(state);
      if (entry === 'leave' && state.resendWhenInProgress) state.pending = true;
      return entry;
    }
    return enterAtRest(desc, cpu);
  }

  /** Masked when nobody wants it; when it is only being handled elsewhere, just ended. */
  *refuse(desc: IrqDesc): Steps<void> {
    if (!desc.state.inProgress) yield* settled(maskIrq(desc));
    yield* settled(eoiIrq(desc.state.data));
  }

  begin(desc: IrqDesc): MaybeSteps<void> {
    return desc.state.oneshot ? maskIrq(desc) : undefined;
  }

  /** cond_unmask_eoi_irq(): a ONESHOT interrupt stays masked until its threads are done, unless none was woken. */
  end(desc: IrqDesc): MaybeSteps<boolean> {
    const { state } = desc;
    const unmasked = state.oneshot && !state.disabled && state.threadsOneshot === 0 ? unmaskIrq(desc) : undefined;
    if (isSteps(unmasked)) return unmaskThenEnd(desc, unmasked);
    const ended = eoiIrq(state.data);
    if (isSteps(ended)) return thenResend(desc, ended);
    if (state.pending) checkIrqResend(desc, false);
    return false;
  }
}

export const handleFasteoiIrq: FlowHandler = flowHandler(new FasteoiFlow());
