// SET_IRQS of ERR and REQ (vfio_pci_set_ctx_trigger_single(); from memory of the kernel source, not looked up): an eventfd
// each, beside whichever index is in use. The kernel signals them; there is no interrupt behind them.
import { ok } from '@siov/base';
import type { EventFd, Result } from '@siov/base';
import type { SetIrqsErrno } from './device.ts';
import type { IrqSet } from './irq-set.ts';
import { asks, refused, refusedBy, usable } from './pci-irqs-state.ts';
import type { IrqParts } from './pci-irqs-state.ts';

export function setSingle(parts: IrqParts, which: 'err' | 'req', set: IrqSet): Result<number, SetIrqsErrno> {
  const { state } = parts;
  const { data, count } = set;
  if (set.action !== 'trigger') return refused(parts, set, 'ENOTTY', `${which} has no ${set.action}`);
  if (data.kind === 'none' && state[which] === null) return refused(parts, set, 'EINVAL', `${which} has no eventfd`);
  if (data.kind === 'none' && count === 0) return replace(parts, which, null);
  if (count === 0) return refused(parts, set, 'EINVAL', `${which}: a request with data for no interrupt`);
  if (data.kind !== 'eventfd') {
    if (asks(set, 0)) parts.signal(state[which], { index: set.index, vector: 0 });
    return ok(0);
  }
  const fd = data.fds[0] ?? null;
  const ready = fd === null ? ok() : usable(parts, fd);
  return ready.ok ? replace(parts, which, fd) : refusedBy(set, ready);
}

function replace({ state }: IrqParts, which: 'err' | 'req', fd: EventFd | null): Result<number, never> {
  state[which]?.close();
  state[which] = fd;
  return ok(0);
}
