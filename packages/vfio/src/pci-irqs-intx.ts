// SET_IRQS of INTx (vfio_pci_set_intx_trigger(), _mask() and _unmask(); from memory of the kernel source, not looked up).
import { ok } from '@siov/base';
import type { EventFd, Result, Steps } from '@siov/base';
import type { SetIrqsErrno } from './device.ts';
import type { IntxBackend } from './irq-backend.ts';
import { isDisable } from './irq-set.ts';
import type { IrqSet } from './irq-set.ts';
import { asks, contextOf, nameOf, NO_INDEX, refused, refusedBy, usable } from './pci-irqs-state.ts';
import type { IrqParts } from './pci-irqs-state.ts';
import { VFIO_PCI_IRQ } from './uapi.ts';

const { INTX } = VFIO_PCI_IRQ;

export function* setIntx(parts: IrqParts, set: IrqSet): Steps<Result<number, SetIrqsErrno>> {
  const { state, triggers } = parts;
  const inUse = state.index === INTX;
  if (inUse && isDisable(set)) {
    yield* disableIntx(parts);
    return ok(0);
  }
  if (set.count !== 1) return refused(parts, set, 'EINVAL', `INTx is one interrupt, not ${set.count}`);
  const { data, action } = set;
  const mayStart = action === 'trigger' && data.kind === 'eventfd' && state.index === NO_INDEX;
  if (!inUse && !mayStart) return refused(parts, set, 'EINVAL', 'INTx is not in use');
  if (action !== 'trigger') return yield* mask(parts, set, action);
  if (data.kind === 'eventfd') return yield* inUse ? setSignal(parts, data.fds[0] ?? null) : enable(parts, set, data.fds[0] ?? null);
  if (asks(set, 0)) parts.signal(triggers.get(0), { index: INTX, vector: 0 });
  return ok(0);
}

function* enable(parts: IrqParts, set: IrqSet, fd: EventFd | null): Steps<Result<number, SetIrqsErrno>> {
  const { state, backend } = parts;
  const context = contextOf(parts, 'INTx');
  if (!context.ok) return refusedBy(set, context);
  const enabled = yield* backend.enable(INTX, 1);
  if (!enabled.ok) return refusedBy(set, enabled);
  state.index = INTX;
  const signal = yield* setSignal(parts, fd);
  if (!signal.ok) yield* disableIntx(parts);
  return signal;
}

/** Trigger, the eventfd that unmasks and the interrupt go. */
export function* disableIntx(parts: IrqParts): Steps<void> {
  const { state, backend } = parts;
  yield* setUnmask(parts, backend.intx, null);
  yield* setSignal(parts, null);
  yield* backend.disable(INTX);
  state.index = NO_INDEX;
}

/** vfio_intx_set_signal(): null leaves INTx in use and without trigger. */
function* setSignal(parts: IrqParts, fd: EventFd | null): Steps<Result<number, SetIrqsErrno>> {
  const { backend, triggers } = parts;
  const old = triggers.get(0);
  if (old !== undefined) {
    yield* backend.disarm(INTX, 0);
    triggers.delete(0);
    old.close();
  }
  if (fd === null) return ok(0);
  const name = nameOf(parts, 0);
  const ready = name.ok ? usable(parts, fd) : name;
  if (ready.ok) triggers.set(0, fd);
  const armed = ready.ok ? yield* backend.arm(INTX, 0, fd) : ready;
  if (armed.ok) return ok(0);
  triggers.delete(0);
  fd.close();
  return armed;
}

function* mask(parts: IrqParts, set: IrqSet, action: 'mask' | 'unmask'): Steps<Result<number, SetIrqsErrno>> {
  const { backend: { intx }, state } = parts;
  if (set.data.kind !== 'eventfd') {
    if (asks(set, 0)) yield* intx?.[action]() ?? [];
    return ok(0);
  }
  if (action === 'mask' || intx?.unmaskOn === undefined) return refused(parts, set, 'ENOTTY', `INTx has no ${action} by eventfd`);
  const fd = set.data.fds[0] ?? null;
  if (fd !== null && state.unmask !== null) return refused(parts, set, 'EBUSY', `INTx is unmasked by eventfd ${state.unmask.name} already`);
  const ready = fd === null ? ok() : usable(parts, fd);
  if (!ready.ok) return refusedBy(set, ready);
  const done = yield* setUnmask(parts, intx, fd);
  return done.ok ? ok(0) : refusedBy(set, done);
}

/** vfio_virqfd_enable(), _disable(). */
function* setUnmask({ state }: IrqParts, intx: IntxBackend | undefined, fd: EventFd | null): Steps<Result<void, SetIrqsErrno>> {
  if (intx?.unmaskOn === undefined || state.unmask === fd) return ok();
  const done = yield* intx.unmaskOn(fd);
  if (!done.ok) return done;
  state.unmask?.close();
  state.unmask = fd;
  return ok();
}
