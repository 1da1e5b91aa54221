// Flow handlers: what the core does when an interrupt arrives (kernel/irq/chip.c).
import type { Steps } from '@siov/base';
import { hierarchy } from './chip.ts';
import type { IrqData } from './chip.ts';
import type { IrqDesc } from './desc.ts';

function* ack(data: IrqData): Steps<void> {
  for (const level of hierarchy(data)) {
    if (level.chip.irqAck !== undefined) return yield* level.chip.irqAck(level);
  }
}

/** mask_irq(): nothing when it is masked already. */
export function* maskIrq(desc: IrqDesc): Steps<void> {
  const { data, masked } = desc.state;
  if (masked || data === null) return;
  if (data.chip.irqMask !== undefined) yield* data.chip.irqMask(data);
  desc.state.masked = true;
}

/** unmask_irq(): nothing when it is not masked. */
export function* unmaskIrq(desc: IrqDesc): Steps<void> {
  const { data, masked } = desc.state;
  if (!masked || data === null) return;
  if (data.chip.irqUnmask !== undefined) yield* data.chip.irqUnmask(data);
  desc.state.masked = false;
}

/** handle_irq_event(): the actions, without the lock. Called and returns with the lock held by the flow handler. */
function* runActions(desc: IrqDesc): Steps<void> {
  for (const action of desc.state.actions) {
    const result = yield* action.handler(desc.virq);
    if (result === 'wake-thread') action.threadState.wakeups += 1;
  }
}

type Verdict = 'leave' | 'handle';

function* enterEdge(desc: IrqDesc, cpu: number): Steps<Verdict> {
  const state = desc.state;
  const { data } = state;
  if (data === null) return 'leave';
  if (state.disabled || state.inProgress || state.actions.length === 0) {
    state.pending = true;
    yield* maskIrq(desc);
    yield* ack(data);
    return 'leave';
  }
  state.counts = state.counts.map((count, index) => (index === cpu ? count + 1 : count));
  yield* ack(data);
  state.pending = false;
  state.inProgress = true;
  return 'handle';
}

function* leaveEdge(desc: IrqDesc): Steps<Verdict> {
  const state = desc.state;
  state.inProgress = false;
  if (!state.pending || state.disabled) return 'leave';
  if (state.actions.length === 0) {
    yield* maskIrq(desc);
    return 'leave';
  }
  if (state.masked) yield* unmaskIrq(desc);
  state.pending = false;
  state.inProgress = true;
  return 'handle';
}

/**
 * handle_edge_irq(), used for MSI and IMS: acknowledge first, then run the actions; an edge that arrives meanwhile, or
 * while the interrupt is disabled, is latched once and handled once.
 */
export function* handleEdgeIrq(desc: IrqDesc, cpu: number): Steps<void> {
  let verdict = yield* desc.lock.with(enterEdge(desc, cpu));
  while (verdict === 'handle') {
    yield* runActions(desc);
    verdict = yield* desc.lock.with(leaveEdge(desc));
  }
}
