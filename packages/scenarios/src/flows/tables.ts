// What the tables of the hardware hold at a moment, as lines: the message store, interrupt remapping, PASIDs.
import { iommuDumpText, irteText } from '@siov/iommu';
import { entryStates } from '../invariants/subject.ts';
import type { Subject } from '../invariants/subject.ts';

export interface HardwareTables {
  /** Entries of the message store that belong to somebody. */
  readonly entries: readonly string[];
  readonly remapping: readonly string[];
  readonly iommu: readonly string[];
}

export function hardwareTables(subject: Subject): HardwareTables {
  const { remapping, iommu } = subject.host;
  const entries = entryStates(subject).flatMap(({ slot, owner, hardware }) => {
    if (owner === null) return [];
    const { address, data, mask, pending, pasidEnable, pasid } = hardware;
    const state = [mask ? 'masked' : 'open', ...(pending ? ['pending'] : []), pasidEnable ? `PASID ${pasid}` : 'no PASID'].join(', ');
    return [`${slot}: ${owner.device.name} interrupt ${owner.index}, irq ${owner.virq}, ${state}, message 0x${address.toString(16)} 0x${data.toString(16)}`];
  });
  return { entries, remapping: remapping.entries().map(irteText), iommu: iommuDumpText(iommu.dump()).trimEnd().split('\n') };
}
