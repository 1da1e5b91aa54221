// Allocating MSI interrupts: __msi_domain_alloc_irqs() and msi_domain_alloc_irq_at(), kernel/irq/msi.c. All under the
// device's descriptor lock.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { IrqAffinityDesc } from './affinity.ts';
import { busLocked } from './bus-lock.ts';
import type { IrqDesc } from './desc.ts';
import type { ActivateErrno } from './domain.ts';
import { irqDomainAllocIrq, irqDomainFreeIrq } from './domain-alloc.ts';
import { irqDomainActivateIrq } from './startup.ts';
import type { DeviceMsi } from './msi-device.ts';
import { freeLocked } from './msi-free.ts';
import type { MsiSlot } from './msi-slots.ts';
import type { MsiAllocInfo, MsiDesc } from './msi-types.ts';

export type MsiAllocErrno = 'EINVAL' | 'EBUSY' | 'ERANGE' | 'ENOSPC' | 'ENOMEM';

export function allocAt<C>(msi: DeviceMsi<C>, index: number | 'any', cookie: C, affinity: IrqAffinityDesc | null): Steps<Result<MsiDesc<C>, MsiAllocErrno>> {
  const { trace } = msi.domain.core.ports;
  return trace.cross('irq', 'msi_domain_alloc_irq', { device: msi.device.name, index }, alloc(msi, index, cookie, affinity));
}

function* alloc<C>(msi: DeviceMsi<C>, index: number | 'any', cookie: C, affinity: IrqAffinityDesc | null): Steps<Result<MsiDesc<C>, MsiAllocErrno>> {
  const { device, domain } = msi;
  const valid = domain.template.validate?.(device, cookie) ?? ok();
  if (!valid.ok) return valid;
  if (affinity?.mask === 0n) return fail('EINVAL', `${device.name}: an affinity mask without CPUs`);
  const { state } = domain.core.ports;
  if (!state.grant('msi_desc')) return fail('ENOMEM', `${device.name}: no memory for an MSI descriptor`);
  const slot = msi.slots.take(index);
  if (!slot.ok) return slot;
  const desc = makeDesc(msi, slot.value, cookie, affinity);
  msi.descs.set(desc.index, desc);
  const allocated = yield* fill(msi, desc);
  if (allocated.ok) return ok(desc);
  msi.descs.delete(desc.index);
  msi.slots.give(slot.value);
  return allocated;
}

type MutableDesc<C> = { -readonly [K in keyof MsiDesc<C>]: MsiDesc<C>[K] };

function makeDesc<C>({ device, id, domain }: DeviceMsi<C>, { index, hwirq }: MsiSlot, cookie: C, affinity: IrqAffinityDesc | null): MutableDesc<C> {
  return domain.core.ports.state.record<MutableDesc<C>>(`${device.name}/msi/${id}/${index}`, {
    device,
    index,
    hwirq,
    virq: 0,
    cookie,
    message: { addressLo: 0, addressHi: 0, data: 0 },
    affinity,
    nomaskQuirk: false,
  });
}

/** The slot prepared, then an interrupt for it; undone in the opposite order, so that a failure leaves nothing (R6). */
function* fill<C>({ domain }: DeviceMsi<C>, desc: MutableDesc<C>): Steps<Result<void, MsiAllocErrno>> {
  const { template } = domain;
  const prepared = template.prepareDesc === undefined ? ok() : yield* template.prepareDesc(desc);
  if (!prepared.ok) return prepared;
  const virq = yield* allocVirq(domain, desc);
  if (virq.ok) {
    desc.virq = virq.value;
    return ok();
  }
  if (template.freeDesc !== undefined) yield* template.freeDesc(desc);
  return virq;
}

function* allocVirq<C>(domain: DeviceMsi<C>['domain'], desc: MsiDesc<C>): Steps<Result<number, MsiAllocErrno>> {
  const { core, irqDomain, handler } = domain;
  const info: MsiAllocInfo = { device: desc.device, hwirq: desc.hwirq, desc };
  const irq = yield* irqDomainAllocIrq(core, irqDomain, info, desc.affinity);
  // Whatever a level below ran out of is no space to the caller, as in __msi_domain_alloc_irqs().
  if (!irq.ok) return fail('ENOSPC', irq.message);
  irq.value.state.flow = handler;
  const ready = yield* initVirq(domain, irq.value, desc);
  if (ready.ok) return ok(irq.value.virq);
  yield* irqDomainFreeIrq(core, irq.value.virq);
  return ready.errno === 'ENOSYS' ? fail('EINVAL', ready.message) : fail(ready.errno, ready.message);
}

/**
 * msi_init_virq(): reserves and, where messages are written early, activates. With a reservation a second activation, at
 * the request, finds the final target; a managed interrupt without an online CPU stays shut down.
 */
function* initVirq<C>({ flags }: DeviceMsi<C>['domain'], desc: IrqDesc, msiDesc: MsiDesc<C>): Steps<Result<void, ActivateErrno>> {
  const { state } = desc;
  const canReserve = flags.activateEarly === true && flags.mustReactivate === true;
  if (!canReserve) {
    state.canReserve = false;
    if (flags.nomaskQuirk) (msiDesc as MutableDesc<C>).nomaskQuirk = true;
  }
  if (!flags.activateEarly || state.data === null) return ok();
  // Shut down it is already, as every managed interrupt from its allocation to its start.
  if (!canReserve && state.managed && (state.affinity & desc.core.online) === 0n) return ok();
  // A reservation does not count as activation: the request finds the final target.
  return yield* busLocked(desc, canReserve ? state.data.domain.activate(state.data, true) : irqDomainActivateIrq(desc));
}

export function* allocRange<C>(
  msi: DeviceMsi<C>,
  first: number,
  last: number,
  cookie: C,
  affinities: readonly (IrqAffinityDesc | null)[],
): Steps<Result<readonly MsiDesc<C>[], MsiAllocErrno>> {
  const valid = msi.slots.range(first, last);
  if (!valid.ok) return valid;
  const descs: MsiDesc<C>[] = [];
  for (let index = first; index <= last; index++) {
    const made = yield* allocAt(msi, index, cookie, affinities[index - first] ?? null);
    if (!made.ok) {
      for (const desc of descs.toReversed()) yield* freeLocked(msi as unknown as DeviceMsi<never>, desc as unknown as MsiDesc<never>);
      return made;
    }
    descs.push(made.value);
  }
  return ok(descs);
}
