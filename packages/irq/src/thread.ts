// The thread of a threaded interrupt (irq_thread() in kernel/irq/manage.c).
import { waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { IrqAction, IrqDesc, ThreadedAction } from './desc.ts';
import { wakeThread } from './flow/event.ts';
import { unmaskIrq } from './flow/mask.ts';
import { settled } from './flow/settled.ts';

export function spawnIrqThread(desc: IrqDesc, action: ThreadedAction, name: string): void {
  const { core, virq } = desc;
  core.ports.spawn({ name: core.options.threadAgent(virq, name), layer: 'irq' }, () => irqThread(desc, action));
}

/** One run for any number of wake-ups before it. Stopped with one due, it runs that first. */
function* irqThread(desc: IrqDesc, action: ThreadedAction): Steps<void> {
  const { threadState } = action;
  for (;;) {
    yield* waitUntil(`wake-up of irq/${desc.virq}-${action.name}`, () => threadState.runThread || threadState.stop);
    if (!threadState.runThread) break;
    threadState.runThread = false;
    const result = yield* action.thread(desc.virq);
    if (result === 'handled') desc.state.threadsHandled += 1;
    if (action.oneshot) yield* finalizeOneshot(desc, action);
    if (result === 'wake-thread' && action.secondary !== null) yield* desc.lock.with(wakeSecondary(desc, action.secondary));
    desc.state.threadsActive -= 1;
  }
  threadState.gone = true;
}

/** irq_wake_secondary() */
function* wakeSecondary(desc: IrqDesc, secondary: IrqAction): Steps<void> {
  wakeThread(desc, secondary);
}

/**
 * irq_finalize_oneshot(): the last thread to be done unmasks the interrupt. Not while the hard handlers still run: an
 * interrupt that came then would be masked by a flow handler that finds them running and leaves, for ever.
 */
function* finalizeOneshot(desc: IrqDesc, action: IrqAction): Steps<void> {
  while (!(yield* busLocked(desc, desc.lock.with(finalize(desc, action))))) {
    yield* waitUntil(`the hard handlers of irq ${desc.virq}`, () => !desc.state.inProgress);
  }
}

function* finalize(desc: IrqDesc, action: IrqAction): Steps<boolean> {
  const { state } = desc;
  if (state.inProgress) return false;
  // Woken again meanwhile: its bit was set anew, and the next run clears it.
  if (action.threadState.runThread) return true;
  state.threadsOneshot &= ~action.threadMask;
  if (state.threadsOneshot === 0 && !state.disabled) yield* settled(unmaskIrq(desc));
  return true;
}

/** kthread_stop() */
export function* stopThread(desc: IrqDesc, { threadState }: IrqAction): Steps<void> {
  threadState.stop = true;
  yield* waitUntil(`the thread of irq ${desc.virq} to end`, () => threadState.gone);
}
