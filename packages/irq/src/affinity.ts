// Where an interrupt may go (kernel/irq/manage.c). What its chip cannot change from here waits for the next interrupt.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { AffinityErrno } from './chip.ts';
import type { IrqCore } from './core.ts';
import type { CpuMask } from './cpu-mask.ts';
import { cpuList } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';
import { levelWith } from './hierarchy.ts';

/** How an interrupt is to be spread when it is allocated (struct irq_affinity_desc). */
export interface IrqAffinityDesc {
  readonly mask: CpuMask;
  /** The kernel alone decides: no user may change it, and without online CPU in the mask the interrupt is shut down. */
  readonly managed: boolean;
}

/** irq_can_set_affinity() */
export function irqCanSetAffinity({ state }: IrqDesc): boolean {
  return !state.perCpu && levelWith(state.data, 'irqSetAffinity') !== null;
}

/**
 * irq_set_affinity(), with `force` irq_force_affinity(): where the chip can move it now it goes to one of `mask` at once,
 * else with its next interrupt. `EINVAL`: no such interrupt, nobody in its hierarchy can move it, or no CPU of the mask
 * is online; `ENOSPC`: no vector is left there; `EBUSY`: the last move is not over and `force` does not wait for it.
 * Takes the chip's bus lock, which the kernel does not: what it wrote is effective when this returns.
 */
export function* irqSetAffinity(core: IrqCore, virq: number, mask: CpuMask, options: { force?: boolean } = {}): Steps<Result<void, AffinityErrno>> {
  const desc = core.desc(virq);
  if (desc === undefined) return fail('EINVAL', `irq_set_affinity(${virq}): there is no such interrupt`);
  return yield* busLocked(desc, desc.lock.with(irqSetAffinityLocked(desc, mask, options.force ?? false)));
}

/** irq_set_affinity_locked() */
export function* irqSetAffinityLocked(desc: IrqDesc, mask: CpuMask, force: boolean): Steps<Result<void, AffinityErrno>> {
  const { state } = desc;
  if (levelWith(state.data, 'irqSetAffinity') === null) return cannotMove(desc);
  if (!state.activated && state.affinityOnActivate) {
    Object.assign(state, { affinity: mask, effectiveAffinity: mask, affinitySet: true });
    return ok();
  }
  if (state.movePcntxt && state.pendingAffinity === null) {
    const moved = yield* irqDoSetAffinity(desc, mask, force);
    // Vectors that are busy with the last move get this one later, so that users need not try again.
    if (!moved.ok && (moved.errno !== 'EBUSY' || force)) return moved;
    if (!moved.ok) state.pendingAffinity = mask;
  } else state.pendingAffinity = mask;
  state.affinitySet = true;
  return ok();
}

/** irq_do_set_affinity(), under the lock: offers the chip the online CPUs of `mask`, or with `force` all of them. */
export function* irqDoSetAffinity(desc: IrqDesc, mask: CpuMask, force: boolean): Steps<Result<void, AffinityErrno>> {
  const { state, core, virq } = desc;
  const level = levelWith(state.data, 'irqSetAffinity');
  if (level?.chip.irqSetAffinity === undefined) return cannotMove(desc);
  const offered = force ? mask : mask & core.online;
  if (offered === 0n) return fail('EINVAL', `irq ${virq}: no CPU of ${mask === 0n ? 'an empty mask' : cpuList(mask)} is online`);
  const result = yield* level.chip.irqSetAffinity(level, offered, force);
  if (!result.ok) return result;
  if (result.value !== 'nocopy') state.affinity = mask;
  return ok();
}

/**
 * irq_setup_affinity(): at start-up. What a user or the kernel has chosen stays while a CPU of it is online. Where it
 * fails the interrupt stays where it was activated, as in the kernel (from memory of its source, not looked up).
 */
export function* irqSetupAffinity(desc: IrqDesc): Steps<void> {
  const { state, core } = desc;
  if (!irqCanSetAffinity(desc)) return;
  const chosen = state.managed || state.affinitySet;
  const usable = chosen && (state.affinity & core.online) !== 0n;
  if (chosen && !usable) state.affinitySet = false;
  const mask = (usable ? state.affinity : core.possible) & core.online;
  yield* irqDoSetAffinity(desc, mask, false);
}

function cannotMove({ virq }: IrqDesc): Result<never, 'EINVAL'> {
  return fail('EINVAL', `irq ${virq}: no level of its hierarchy can be told where it goes`);
}
