// Disabling, enabling and waiting for handlers (kernel/irq/manage.c).
import { fail, ok, point, waitUntil } from '@siov/base';
import type { Failure, Result, Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { IrqCore } from './core.ts';
import type { IrqDesc } from './desc.ts';
import { settled } from './flow/settled.ts';
import { levelWith } from './hierarchy.ts';
import { irqDisable, irqStartup } from './startup.ts';

/** disable_irq_nosync(): nests; lazy, so the chip is not touched until an interrupt arrives. `EINVAL`: no such interrupt. */
export function* disableIrqNosync(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL'>> {
  const desc = core.desc(virq);
  if (desc === undefined || desc.state.perCpuDevid) return noSuch('disable_irq', virq);
  return yield* busLocked(desc, desc.lock.with(disable(desc)));
}

function* disable(desc: IrqDesc): Steps<Result<void, 'EINVAL'>> {
  desc.state.depth += 1;
  if (desc.state.depth === 1) yield* settled(irqDisable(desc));
  return ok();
}

/** disable_irq(): and waits for handlers and threads that run. From one of those it waits for itself. */
export function* disableIrq(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL'>> {
  const disabled = yield* disableIrqNosync(core, virq);
  if (disabled.ok) yield* synchronizeIrq(core, virq);
  return disabled;
}

/**
 * enable_irq(): undoes one disable; the outermost starts an interrupt that was requested without (IRQF_NO_AUTOEN), and
 * replays one edge that came meanwhile. `EINVAL` when it is not disabled or not requested: the kernel only warns and
 * would unmask hardware that nobody handles.
 */
export function* enableIrq(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL'>> {
  const desc = core.desc(virq);
  if (desc === undefined || desc.state.perCpuDevid) return noSuch('enable_irq', virq);
  return yield* busLocked(desc, desc.lock.with(enable(desc)));
}

/** Also of what a CPU that went away has shut down: that nests like a disable, which is not the caller's to undo. */
function* enable(desc: IrqDesc): Steps<Result<void, 'EINVAL'>> {
  const { state, virq } = desc;
  if (state.actions.length === 0) return fail('EINVAL', `enable_irq(${virq}): the interrupt is not requested`);
  if (state.depth === (state.managedShutdown ? 1 : 0)) return fail('EINVAL', `enable_irq(${virq}): unbalanced, the interrupt is enabled`);
  yield* enableLocked(desc);
  return ok();
}

/** __enable_irq(), of an interrupt that is disabled. */
export function* enableLocked(desc: IrqDesc): Steps<void> {
  if (desc.state.depth > 1) desc.state.depth -= 1;
  else yield* irqStartup(desc);
}

/** synchronize_hardirq(): waits until no handler of the interrupt is running; whether no thread of it is due either. */
export function* synchronizeHardirq(core: IrqCore, virq: number): Steps<boolean> {
  const desc = core.desc(virq);
  if (desc === undefined) return true;
  yield* waitForHandlers(desc, false);
  return desc.state.threadsActive === 0;
}

/** synchronize_irq(): also for what the hardware says is on its way, and for the threads. */
export function* synchronizeIrq(core: IrqCore, virq: number): Steps<void> {
  const desc = core.desc(virq);
  if (desc === undefined) return;
  yield* waitForHandlers(desc, true);
  yield* waitUntil(`the threads of irq ${virq}`, () => desc.state.threadsActive === 0);
}

const activeInHardware = point('poll', 'the hardware has the interrupt on its way');

/** __synchronize_hardirq(): with `askChip`, interrupts that a CPU has accepted and not yet taken are waited for, where a chip knows. */
export function* waitForHandlers(desc: IrqDesc, askChip: boolean): Steps<void> {
  for (;;) {
    yield* waitUntil(`handlers of irq ${desc.virq} to return`, () => !desc.state.inProgress);
    const state = yield* desc.lock.with(look(desc, askChip));
    if (state === 'idle') return;
    if (state === 'active') yield activeInHardware;
  }
}

function* look(desc: IrqDesc, askChip: boolean): Steps<'idle' | 'running' | 'active'> {
  if (desc.state.inProgress) return 'running';
  const level = askChip ? levelWith(desc.state.data, 'irqGetIrqchipState') : null;
  if (level?.chip.irqGetIrqchipState === undefined) return 'idle';
  const active = yield* level.chip.irqGetIrqchipState(level, 'active');
  return active.ok && active.value ? 'active' : 'idle';
}

function noSuch(call: string, virq: number): Failure<'EINVAL'> {
  return fail('EINVAL', `${call}(${virq}): there is no such interrupt`);
}
