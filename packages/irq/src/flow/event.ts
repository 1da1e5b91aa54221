// handle_irq_event(): the actions of an interrupt, one after the other, without the lock (kernel/irq/handle.c).
import { isSteps } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';
import type { IrqAction, IrqDesc, IrqReturn } from '../desc.ts';
import { BOGUS, HANDLED, NONE, WAKE_THREAD } from './outcome.ts';

/** Under the lock: from here on a further edge is latched. */
export function beginEvent({ state }: IrqDesc): void {
  state.pending = false;
  state.inProgress = true;
}

export function endEvent({ state }: IrqDesc): void {
  state.inProgress = false;
}

/** What the actions returned, as bits of outcome.ts. Between {@link beginEvent} and {@link endEvent}. */
export function runActions(desc: IrqDesc): MaybeSteps<number> {
  const { actions } = desc.state;
  let outcome = NONE;
  for (let index = 0; index < actions.length; index++) {
    const action = actions[index] as IrqAction;
    const result = action.handler(desc.virq);
    if (isSteps(result)) return goOn(desc, actions, index, result, outcome);
    outcome |= account(desc, action, result);
  }
  return outcome;
}

/** The handler of action `index` needs steps: those, and then the rest. */
function* goOn(desc: IrqDesc, actions: readonly IrqAction[], index: number, first: Steps<IrqReturn>, before: number): Steps<number> {
  let outcome = before;
  for (const [each, action] of actions.entries()) {
    if (each < index) continue;
    const result = each === index ? first : action.handler(desc.virq);
    outcome |= account(desc, action, isSteps(result) ? yield* result : result);
  }
  return outcome;
}

function account(desc: IrqDesc, action: IrqAction, result: IrqReturn): number {
  if (result === 'handled') return HANDLED;
  if (result === 'none') return NONE;
  if (result !== 'wake-thread') return BOGUS;
  if (action.thread === null) warnNoThread(desc, action);
  else wakeThread(desc, action);
  return WAKE_THREAD;
}

/** __irq_wake_thread(): one that is due already is not woken twice; one that has ended has nothing to do any more. */
export function wakeThread({ state }: IrqDesc, { threadState, threadMask }: IrqAction): void {
  if (threadState.gone || threadState.runThread) return;
  threadState.runThread = true;
  state.threadsOneshot |= threadMask;
  state.threadsActive += 1;
}

function warnNoThread({ core, virq }: IrqDesc, { name, threadState }: IrqAction): void {
  if (threadState.warned) return;
  threadState.warned = true;
  core.log.warn(`IRQ ${virq} device ${name} returned IRQ_WAKE_THREAD but no thread function available`);
}
