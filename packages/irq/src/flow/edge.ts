// handle_edge_irq(): for what sends one message per event, as MSI and IMS do.
import { isSteps } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';
import type { FlowHandler } from '../chip.ts';
import type { IrqDesc } from '../desc.ts';
import { ackIrq } from '../hierarchy.ts';
import { countEvent, flowHandler, whileInProgress } from './flow.ts';
import type { Entry } from './flow.ts';
import { maskAckIrq, maskIrq, unmaskIrq } from './mask.ts';
import { settled } from './settled.ts';

function enter(desc: IrqDesc, cpu: number): Entry {
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

function begin(desc: IrqDesc): MaybeSteps<void> {
  const acked = ackIrq(desc.state.data);
  if (isSteps(acked) || desc.state.pending) return ackThenUnmask(desc, acked);
}

/** An edge that is latched here and was not replayed had the interrupt masked. */
function* ackThenUnmask(desc: IrqDesc, acked: MaybeSteps<void>): Steps<void> {
  yield* settled(acked);
  if (desc.state.pending) yield* settled(unmaskIrq(desc));
}

/** Once more when an edge came meanwhile; whoever took it has masked the interrupt and left. */
function end(desc: IrqDesc): MaybeSteps<boolean> {
  const { pending, disabled, actions } = desc.state;
  if (!pending || disabled) return false;
  const hardware = actions.length === 0 ? maskIrq(desc) : unmaskIrq(desc);
  return isSteps(hardware) ? whenDone(hardware, actions.length > 0) : actions.length > 0;
}

function* whenDone(hardware: Steps<void>, again: boolean): Steps<boolean> {
  yield* hardware;
  return again;
}

/**
 * Acknowledge first, then run the actions; an edge that arrives meanwhile, or while the interrupt is disabled, is
 * latched once and handled once.
 */
export const handleEdgeIrq: FlowHandler = flowHandler({ name: 'edge', enter, refuse: maskAckIrq, begin, end });
