// Freeing MSI interrupts: msi_domain_free_irqs_range(), kernel/irq/msi.c. All under the device's descriptor lock.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { irqDomainFreeIrq } from './domain-alloc.ts';
import type { DeviceMsi } from './msi-device.ts';
import type { MsiDesc } from './msi-types.ts';

export type MsiFreeErrno = 'EINVAL' | 'EBUSY';

export function* freeRange(msi: DeviceMsi<never>, first: number, last: number): Steps<Result<void, MsiFreeErrno>> {
  const valid = msi.slots.range(first, last);
  if (!valid.ok) return valid;
  const { core } = msi.domain;
  const descs = inRange(msi, first, last);
  for (const { virq, index } of descs) {
    const holder = core.desc(virq)?.state.actions[0];
    if (holder !== undefined) return fail('EBUSY', `${msi.device.name}: interrupt ${index} (irq ${virq}) is still requested by ${holder.name}`);
  }
  for (const desc of descs) {
    const freed = yield* freeDesc(msi, desc);
    if (!freed.ok) return freed;
  }
  return ok();
}

/** Looks at what is fewer: the numbers of the range, or the interrupts there are. */
function inRange({ descs }: DeviceMsi<never>, first: number, last: number): readonly MsiDesc<never>[] {
  if (last - first < descs.size) {
    return Array.from({ length: last - first + 1 }, (_, offset) => descs.get(first + offset)).filter((desc) => desc !== undefined);
  }
  return [...descs.values()].filter(({ index }) => index >= first && index <= last).sort((a, b) => a.index - b.index);
}

function freeDesc(msi: DeviceMsi<never>, desc: MsiDesc<never>): Steps<Result<void, MsiFreeErrno>> {
  const { trace } = msi.domain.core.ports;
  return trace.cross('irq', 'msi_domain_free_irq', { device: msi.device.name, index: desc.index }, freeLocked(msi, desc));
}

/** The interrupt, then what the chip keeps of the slot, then the slot. */
export function* freeLocked(msi: DeviceMsi<never>, desc: MsiDesc<never>): Steps<Result<void, MsiFreeErrno>> {
  const { core, template } = msi.domain;
  const freed = yield* irqDomainFreeIrq(core, desc.virq);
  if (!freed.ok) return freed;
  (desc as { virq: number }).virq = 0;
  if (template.freeDesc !== undefined) yield* template.freeDesc(desc);
  msi.descs.delete(desc.index);
  msi.slots.give(desc);
  return ok();
}
