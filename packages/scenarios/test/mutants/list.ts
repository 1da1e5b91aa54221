// Mistakes that a person could make in one line of a driver, the irq core, the IMS chip, IOMMU management, VFIO or the VMM, and
// which check finds each: that the explorer sees them is what its proofs are worth.
import { IN_GUEST } from './in-guest.ts';
import { IN_IDXD } from './in-idxd.ts';
import { IN_IMS } from './in-ims.ts';
import { IN_IOMMU } from './in-iommu.ts';
import { IN_IRQ } from './in-irq.ts';
import { IN_VFIO } from './in-vfio.ts';
import { IN_VMM } from './in-vmm.ts';
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [...IN_IRQ, ...IN_IMS, ...IN_IOMMU, ...IN_VFIO, ...IN_IDXD, ...IN_GUEST, ...IN_VMM];
