// handle_edge_irq(): for what sends one message per event, as MSI and IMS do.
import { isSteps } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';
import type { FlowHandler } from '../chip.ts';
import type { IrqDesc } from '../desc.ts';
import { ackIrq } from '../hierarchy.ts';
import { countEvent, Flow, flowHandler, whileInProgress } from './flow.ts';
import type { Entry } from './flow.ts';
import { maskAckIrq, maskIrq, unmaskIrq } from './mask.ts';
import { settled } from './settled.ts';

/** An edge that is latched here and was not replayed had the interrupt masked. */
function* ackThenUnmask(desc: IrqDesc, acked: MaybeSteps<void>): Steps<void> {
  yield* settled(acked);
  if (desc.state.pending) yield* settled(unmaskIrq(desc));
}

function* whenDone(hardware: Steps<void>, again: boolean): Steps<boolean> {
  yield* hardware;
  return again;
}

/**
 * Acknowledge first, then run the actions; an edge that arrives meanwhile, or while the interrupt is disabled, is
 * latched once and handled once.
 */
class EdgeFlow extends Flow {
  readonly name = 'edge';

  enter(desc: IrqDesc, cpu: number): Entry {
    const { state } = desc;
    state.replay = false;
    state.waiting = false;
    if (state.inProgress || state.disabled || state.actions.length === 0) {
      const entry = state.inProgress ? whileInProgress(state) : 'leave';
      if (entry === 'leave') state.pending = true;
      return entry;
    }
    countEvent(desc, cpu);
    return 'handle';
  }

  refuse(desc: IrqDesc): Steps<void> {
    return maskAckIrq(desc);
  }

  begin(desc: IrqDesc): MaybeSteps<void> {
    const acked = ackIrq(desc.state.data);
    if (isSteps(acked) || desc.state.pending) return ackThenUnmask(desc, acked);
  }

  /** Once more when an edge came meanwhile; whoever took it has masked the interrupt and left. */
  end(desc: IrqDesc): MaybeSteps<boolean> {
    const { pending, disabled, actions } = desc.state;
    if (!pending || disabled) return false;
    const hardware = actions.length === 0 ? maskIrq(desc) : unmaskIrq(desc);
    return isSteps(hardware) ? whenDone(hardware, actions.length > 0) : actions.length > 0;
  }
}

export const handleEdgeIrq: FlowHandler = flowHandler(new EdgeFlow());
