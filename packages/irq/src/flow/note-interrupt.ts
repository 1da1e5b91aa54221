// note_interrupt(): finds interrupts that nobody handles (kernel/irq/spurious.c). Thresholds are the kernel's.
import type { MaybeSteps, Steps } from '@siov/base';
import type { IrqDesc } from '../desc.ts';
import { irqDisable } from '../startup.ts';
import { startSpuriousPoll } from '../spurious.ts';
import { BOGUS, HANDLED, NONE, WAKE_THREAD } from './outcome.ts';
import { settled } from './settled.ts';

/** Events between two looks at how many were not handled... */
export const SPURIOUS_WINDOW = 100_000;
/** ...and more than so many mean that the interrupt is stuck. */
export const SPURIOUS_LIMIT = 99_900;
/** HZ/10 in milliseconds: after so long a pause the count of unhandled events starts again. */
const PAUSE_MS = 100;

/**
 * Counts one event with the actions' outcome; disables the interrupt when it is stuck. Called while it is in progress,
 * and not for what the poll finds.
 */
export function noteInterrupt(desc: IrqDesc, outcome: number): MaybeSteps<void> {
  const { state } = desc;
  if ((outcome & BOGUS) !== 0) return reportBadIrq(desc, 'bogus return value');
  const result = outcome === WAKE_THREAD ? ofThreads(desc) : outcome;
  if (result === null) return undefined;
  // A hard handler took it: what the woken threads say does not matter.
  if (outcome === (HANDLED | WAKE_THREAD)) state.spuriousDeferred = false;
  if (result === NONE) countUnhandled(desc);
  state.irqCount += 1;
  if (state.irqCount < SPURIOUS_WINDOW) return undefined;
  state.irqCount = 0;
  const stuck = state.irqsUnhandled > SPURIOUS_LIMIT;
  state.irqsUnhandled = 0;
  if (stuck) return desc.lock.with(disableStuck(desc));
}

/**
 * Only threads were woken, and what they make of it is not known yet: the previous such event is accounted now, by
 * whether any thread has handled something since. null for the first one. (From memory of the kernel source, not looked up.)
 */
function ofThreads({ state }: IrqDesc): number | null {
  if (!state.spuriousDeferred) {
    state.spuriousDeferred = true;
    return null;
  }
  if (state.threadsHandled === state.threadsHandledLast) return NONE;
  state.threadsHandledLast = state.threadsHandled;
  return HANDLED;
}

function countUnhandled({ core, state }: IrqDesc): void {
  const now = core.ports.clock.now();
  state.irqsUnhandled = now > state.lastUnhandled + PAUSE_MS ? 1 : state.irqsUnhandled + 1;
  state.lastUnhandled = now;
}

/** Under the lock, which the kernel does without here: it relies on the interrupt being in progress. */
function* disableStuck(desc: IrqDesc): Steps<void> {
  reportBadIrq(desc, 'nobody cared');
  desc.core.log.warn(`Disabling IRQ #${desc.virq}`);
  desc.state.spuriousDisabled = true;
  desc.state.depth += 1;
  yield* settled(irqDisable(desc));
  startSpuriousPoll(desc.core);
}

/** __report_bad_irq(), with the handlers. */
function reportBadIrq({ core, virq, state }: IrqDesc, what: string): void {
  core.log.warn(`irq ${virq}: ${what} (handlers: ${state.actions.map(({ name }) => name).join(', ')})`);
}
