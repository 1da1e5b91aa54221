// What the virtual device says of itself: one group, one engine, one queue whose configuration the guest cannot change,
// interrupt handles on request, and no IMS of its own (DSA spec 3.0 §7.5.4).
import {
  CMDCAP, defineProfile, ENGCAP, GENCAP, GRPCAP, OFFSETS, OFFSETS_HI, PCI_ID, VERSION, WQCAP,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import type { Capabilities } from './physical-function.ts';
import { queueLimits } from './work-queue.ts';
import type { WorkQueue } from './work-queue.ts';

/** Guest vectors: 0 for commands and errors, 1 for the queue. */
export const VIRTUAL_VECTORS = 2;
/** As many as the function of the data sheet has MSI-X entries. */
export const MOST_VIRTUAL_VECTORS = 9;

/** mdev types: one dedicated queue, a part in a shared one. */
export const MDEV_TYPE = 'dsa-1dwq-v1';
export const MDEV_TYPE_SHARED = 'dsa-1swq-v1';

/** Commands 1 to 14: all but the inter-domain ones. */
const COMMANDS = 0x7ffe;

/** `physical`: what the function said of itself; `queue`: the one set aside; `vectors`: guest vectors, 2 to 9. */
export function virtualProfile(physical: Capabilities, queue: Pick<WorkQueue, 'size' | 'shared'>, vectors: number = VIRTUAL_VECTORS): DsaProfile {
  const mode = queue.shared ? { sharedMode: 1 } : { dedicatedMode: 1 };
  return defineProfile({
    name: queue.shared ? MDEV_TYPE_SHARED : MDEV_TYPE,
    vendor: PCI_ID.INTEL,
    device: PCI_ID.DSA,
    revision: 0,
    VERSION: VERSION.image(physical.version),
    GENCAP: GENCAP.of({
      overlappingCopy: GENCAP.overlappingCopy.get(physical.gencap),
      commandCapabilities: 1,
      ...queueLimits(physical),
    }),
    WQCAP: WQCAP.of({ totalWqSize: queue.size, numberOfWqs: 1, ...mode }),
    GRPCAP: GRPCAP.of({ numberOfGroups: 1, totalReadBuffers: GRPCAP.totalReadBuffers.get(physical.grpcap) }),
    ENGCAP: ENGCAP.of({ numberOfEngines: 1 }),
    OPCAP: physical.opcap,
    OFFSETS: OFFSETS.of({ msixperm: 0x2, grpcfg: 0x3, wqcfg: 0x4 }),
    OFFSETS_HI: OFFSETS_HI.reset,
    CMDCAP: CMDCAP.of({ commands: COMMANDS }),
    msix: { count: vectors, table: 0x2000, pba: 0x3000 },
    bar0Size: 0x10000,
    bar2Size: 0x4000,
  });
}
