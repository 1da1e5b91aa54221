import { msiDomainOf } from '@siov/irq';
import type { IommuDump } from '@siov/iommu';
import { leftIn } from './empty-entry.ts';
import { entryStates, named, pasidOf } from './subject.ts';
import type { EntryState, Subject, Violation } from './subject.ts';

/**
 * I10: an entry never holds an id that is not its owner's; an id that an entry holds is neither freed nor detached; an entry
 * nobody has is as after a reset. A predicate of the state, true between any two steps.
 */
export function owners(subject: Subject): Violation[] {
  const iommu = subject.host.iommu.dump();
  return entryStates(subject).flatMap((entry) => [...notItsOwn(entry, iommu), ...notReset(subject, entry)]);
}

function notItsOwn(entry: EntryState, { devices, pasids }: IommuDump): Violation[] {
  const held = pasidOf(entry.hardware);
  if (held === null) return [];
  if (!pasids.some(({ pasid }) => pasid === held)) return [`I10: ${named(entry)} holds PASID ${held}, which is free`];
  // The interrupt is given back first and the entry after it: whose it was is not known in between.
  if (entry.owner === null) return [];
  const { name } = entry.owner.device;
  const attached = devices.flatMap(({ device, attachments }) => attachments.filter(({ pasid }) => pasid === held).map(({ holds }) => ({ device, holds })));
  const own = attached.filter(({ device }) => device === name);
  if (own.length === 0) return [`I10: ${named(entry)} holds PASID ${held}, which is that of ${attached.map(({ device }) => device).join(', ') || 'nobody'}`];
  return own.some(({ holds }) => holds > 0) ? [] : [`I10: ${named(entry)} holds PASID ${held}, and nothing keeps ${name} from being detached from it`];
}

function notReset({ host }: Subject, entry: EntryState): Violation[] {
  if (msiDomainOf(host.device, 'secondary')?.slots.has(entry.slot) === true) return [];
  const left = leftIn(entry.hardware);
  return left === '' ? [] : [`I10: ${named(entry)} holds ${left}`];
}
