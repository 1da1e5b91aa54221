// What the hardware knows of an interrupt, and where it is posted: asked of the first level that can (kernel/irq/manage.c).
import { fail } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { IrqchipState, VcpuAffinity } from './chip.ts';
import type { IrqCore } from './core.ts';
import type { IrqDesc } from './desc.ts';
import { levelWith } from './hierarchy.ts';
import { checkIrqResend } from './resend.ts';

/** irq_get_irqchip_state(). `EINVAL`: no such interrupt, or no level knows. */
export function* irqGetIrqchipState(core: IrqCore, virq: number, which: IrqchipState): Steps<Result<boolean, 'EINVAL'>> {
  const desc = core.desc(virq);
  if (desc === undefined) return noSuch('irq_get_irqchip_state', virq);
  return yield* busLocked(desc, desc.lock.with(get(desc, which)));
}

function* get({ state, virq }: IrqDesc, which: IrqchipState): Steps<Result<boolean, 'EINVAL'>> {
  const level = levelWith(state.data, 'irqGetIrqchipState');
  if (level?.chip.irqGetIrqchipState === undefined) return fail('EINVAL', `irq ${virq}: no level of its hierarchy tells its state`);
  return yield* level.chip.irqGetIrqchipState(level, which);
}

/** irq_set_irqchip_state(). `EINVAL`: no such interrupt, or no level can. */
export function* irqSetIrqchipState(core: IrqCore, virq: number, which: IrqchipState, value: boolean): Steps<Result<void, 'EINVAL'>> {
  const desc = core.desc(virq);
  if (desc === undefined) return noSuch('irq_set_irqchip_state', virq);
  return yield* busLocked(desc, desc.lock.with(set(desc, which, value)));
}

function* set({ state, virq }: IrqDesc, which: IrqchipState, value: boolean): Steps<Result<void, 'EINVAL'>> {
  const level = levelWith(state.data, 'irqSetIrqchipState');
  if (level?.chip.irqSetIrqchipState === undefined) return fail('EINVAL', `irq ${virq}: no level of its hierarchy lets its state be set`);
  return yield* level.chip.irqSetIrqchipState(level, which, value);
}

/**
 * irq_set_vcpu_affinity(): posts the interrupt to a virtual CPU, or with null back to the host. `EINVAL`: no such
 * interrupt; `ENOSYS`: no level can post; else what the level gives.
 */
export function* irqSetVcpuAffinity(core: IrqCore, virq: number, target: VcpuAffinity | null): Steps<Result<void, 'EINVAL' | 'ENODEV' | 'ENOSYS'>> {
  const desc = core.desc(virq);
  if (desc === undefined) return noSuch('irq_set_vcpu_affinity', virq);
  return yield* desc.lock.with(post(desc, target));
}

function* post({ state, virq }: IrqDesc, target: VcpuAffinity | null): Steps<Result<void, 'EINVAL' | 'ENODEV' | 'ENOSYS'>> {
  const level = levelWith(state.data, 'irqSetVcpuAffinity');
  if (level?.chip.irqSetVcpuAffinity === undefined) return fail('ENOSYS', `irq ${virq}: no level of its hierarchy posts interrupts`);
  return yield* level.chip.irqSetVcpuAffinity(level, target);
}

/**
 * irq_inject_interrupt(): raises it from software, for tests of drivers: at the hardware where that can, else as a
 * replay. `EINVAL`: no such interrupt, not activated, or not to be raised by software; `EBUSY`: a replay is on its way.
 */
export function* irqInjectInterrupt(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  const raised = yield* irqSetIrqchipState(core, virq, 'pending', true);
  if (raised.ok) return raised;
  const desc = core.desc(virq);
  if (desc === undefined) return noSuch('irq_inject_interrupt', virq);
  return yield* busLocked(desc, desc.lock.with(inject(desc)));
}

function* inject(desc: IrqDesc): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  if (!desc.state.activated) return fail('EINVAL', `irq_inject_interrupt(${desc.virq}): the interrupt is not activated`);
  return checkIrqResend(desc, true);
}

function noSuch(call: string, virq: number): Result<never, 'EINVAL'> {
  return fail('EINVAL', `${call}(${virq}): there is no such interrupt`);
}
