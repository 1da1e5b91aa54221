// Starting and shutting down an interrupt at its chip (kernel/irq/chip.c; its older skeleton looked up, what is newer than
// Linux 5.13 and managed interrupts from memory of the source). All under the descriptor's lock.
import { ModelError, ok } from '@siov/base';
import type { MaybeSteps, Result, Steps } from '@siov/base';
import { irqDoSetAffinity, irqSetupAffinity } from './affinity.ts';
import type { IrqDesc } from './desc.ts';
import type { ActivateErrno } from './domain.ts';
import { maskIrq, thenMasked, unmaskIrq } from './flow/mask.ts';
import { settled } from './flow/settled.ts';
import { checkIrqResend } from './resend.ts';

/**
 * irq_domain_activate_irq() for the hierarchy of `desc`, from the root to the device; nothing when it is activated.
 * `reserve`: only what makes sure that it can be activated later, and it does not count as activated.
 */
export function* irqDomainActivateIrq({ state }: IrqDesc, reserve = false): Steps<Result<void, ActivateErrno>> {
  if (state.activated || state.data === null) return ok();
  const result = yield* state.data.domain.activate(state.data, reserve);
  if (result.ok && !reserve) state.activated = true;
  return result;
}

/** irq_domain_deactivate_irq(): from the device to the root. */
export function* irqDomainDeactivateIrq({ state }: IrqDesc): Steps<void> {
  if (!state.activated || state.data === null) return;
  yield* state.data.domain.deactivate(state.data);
  state.activated = false;
}

/** irq_activate(): managed interrupts are activated when they are started, which they may never be. */
export function irqActivate(desc: IrqDesc): Steps<Result<void, ActivateErrno>> {
  return desc.state.managed ? settled(ok()) : irqDomainActivateIrq(desc);
}

/**
 * irq_startup(): enables it if it was started before; else sets its affinity and lets the chip start it. A managed
 * interrupt none of whose CPUs is online stays shut down until one is. Then what came meanwhile is replayed.
 */
export function* irqStartup(desc: IrqDesc): Steps<void> {
  const { state } = desc;
  state.depth = 0;
  if (state.started) yield* settled(irqEnable(desc));
  else if (state.managed) {
    if (!(yield* startManaged(desc))) return;
  } else yield* startNormal(desc);
  // Why it may not be replayed is nobody's business here, as in the kernel.
  checkIrqResend(desc, false);
}

function* startNormal(desc: IrqDesc): Steps<void> {
  const before = desc.state.data?.chip.flags?.affinityPreStartup === true;
  if (before) yield* irqSetupAffinity(desc);
  yield* startAtChip(desc);
  if (!before) yield* irqSetupAffinity(desc);
}

/** False: IRQ_STARTUP_ABORT. */
function* startManaged(desc: IrqDesc): Steps<boolean> {
  const { state, core } = desc;
  state.managedShutdown = false;
  const possible = (state.affinity & core.online) !== 0n && (yield* irqDomainActivateIrq(desc)).ok;
  if (!possible) {
    state.depth = 1;
    state.managedShutdown = true;
    return false;
  }
  yield* irqDoSetAffinity(desc, state.affinity, false);
  yield* startAtChip(desc);
  return true;
}

/** __irq_startup() */
function* startAtChip(desc: IrqDesc): Steps<void> {
  const { state } = desc;
  if (!state.activated) throw new ModelError(`irq ${desc.virq} is started and its hierarchy is not activated`);
  if (state.data?.chip.irqStartup !== undefined) {
    yield* state.data.chip.irqStartup(state.data);
    state.disabled = false;
    state.masked = false;
  } else yield* settled(irqEnable(desc));
  state.started = true;
}

/** irq_startup_managed(): a CPU of its set is online again. Somebody's disable_irq() still holds. */
export function* irqStartupManaged(desc: IrqDesc): Steps<void> {
  desc.state.managedShutdown = false;
  desc.state.depth -= 1;
  if (desc.state.depth === 0) yield* irqStartup(desc);
}

/**
 * irq_shutdown(): the chip's own shut-down where it has one, else masking. Nests like disable_irq(), so that one from
 * before holds after a managed interrupt is started again (Linux 6.16).
 */
export function* irqShutdown(desc: IrqDesc): Steps<void> {
  const { state, core } = desc;
  if (!state.started) return;
  core.resendList.remove(desc.virq);
  state.depth += 1;
  if (state.data?.chip.irqShutdown !== undefined) {
    yield* state.data.chip.irqShutdown(state.data);
    state.disabled = true;
    state.masked = true;
  } else yield* settled(disable(desc, true));
  state.started = false;
}

/** irq_shutdown_and_deactivate() */
export function* irqShutdownAndDeactivate(desc: IrqDesc): Steps<void> {
  yield* irqShutdown(desc);
  yield* irqDomainDeactivateIrq(desc);
}

/** irq_enable() */
function irqEnable(desc: IrqDesc): MaybeSteps<void> {
  const { state } = desc;
  const { data, disabled } = state;
  state.disabled = false;
  return disabled && data?.chip.irqEnable !== undefined ? thenMasked(state, data.chip.irqEnable(data), false) : unmaskIrq(desc);
}

/**
 * irq_disable(): lazy, unless the chip can do it at once or the interrupt is set not to be lazy (IRQ_DISABLE_UNLAZY; the
 * rule from memory of the kernel source, not looked up).
 */
export function irqDisable(desc: IrqDesc): MaybeSteps<void> {
  return disable(desc, desc.state.disableUnlazy);
}

/** __irq_disable() */
function disable(desc: IrqDesc, mask: boolean): MaybeSteps<void> {
  const { state } = desc;
  const { data, disabled } = state;
  state.disabled = true;
  if (!disabled && data?.chip.irqDisable !== undefined) return thenMasked(state, data.chip.irqDisable(data), true);
  return mask ? maskIrq(desc) : undefined;
}

