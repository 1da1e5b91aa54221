// The poll for interrupts that were disabled because nobody handled them (poll_spurious_irqs() in kernel/irq/spurious.c):
// whoever shares the line may still have work, so its handlers are called ten times a second.
import { sleep } from '@siov/base';
import type { Steps } from '@siov/base';
import type { IrqCore } from './core.ts';
import type { IrqDesc } from './desc.ts';
import { beginEvent, endEvent, runActions } from './flow/event.ts';
import { settled } from './flow/settled.ts';

/** POLL_SPURIOUS_IRQ_INTERVAL: HZ/10. */
export const POLL_INTERVAL_MS = 100;

/** mod_timer(&poll_spurious_irq_timer): the timer runs, as an agent, while any interrupt is disabled for this reason. */
export function startSpuriousPoll(core: IrqCore): void {
  if (core.spuriousPoll.running) return;
  core.spuriousPoll.running = true;
  core.ports.spawn({ name: `${core.options.name} spurious poll`, layer: 'irq' }, poll(core));
}

function* poll(core: IrqCore): Steps<void> {
  for (;;) {
    yield* sleep(core.ports.clock, POLL_INTERVAL_MS);
    const stuck = core.descs().filter(({ state }) => state.spuriousDisabled);
    if (stuck.length === 0) break;
    for (const desc of stuck) yield* tryOneIrq(desc);
  }
  core.spuriousPoll.running = false;
}

/** try_one_irq(): only lines that are shared; while the handlers run elsewhere those just look once more. */
function* tryOneIrq(desc: IrqDesc): Steps<void> {
  if (!(yield* desc.lock.with(begin(desc)))) return;
  do yield* settled(runActions(desc));
  while (yield* desc.lock.with(end(desc)));
}

function* begin(desc: IrqDesc): Steps<boolean> {
  const { state } = desc;
  const [action] = state.actions;
  if (action === undefined || !action.shared || action.percpu || state.nestedThread) return false;
  if (state.inProgress) {
    state.pending = true;
    return false;
  }
  state.pollInProgress = true;
  beginEvent(desc);
  return true;
}

function* end(desc: IrqDesc): Steps<boolean> {
  const { state } = desc;
  endEvent(desc);
  if (state.pending && state.actions.length > 0) {
    beginEvent(desc);
    return true;
  }
  state.pollInProgress = false;
  return false;
}
