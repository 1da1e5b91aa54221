// The IMS domain of a physical function: one table, one domain, shared by the function's virtual devices (R26).
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { Device } from '@siov/device';
import { MsiDomain } from '@siov/irq';
import type { IrqCore, IrqDomain, MsiAllocInfo } from '@siov/irq';
import { ImsArrayChip } from './array-chip.ts';
import type { ImsArray } from './array-chip.ts';

export interface ImsDomainOptions {
  /**
   * Whether an entry checks the submitter's PASID (R1). Without it any submitter may use any entry: legal only while
   * the host kernel is the only one that submits (R3).
   */
  readonly validatePasid: boolean;
}

/**
 * The IMS domain of `owner`, below `parent` (interrupt remapping or the vectors). A validating domain refuses to
 * allocate for a device without a PASID with `EINVAL`, before anything is taken (R5, R24).
 */
export function createImsDomain(core: IrqCore, owner: Device, parent: IrqDomain<MsiAllocInfo>, array: ImsArray, options: ImsDomainOptions): MsiDomain {
  const chip = new ImsArrayChip(core.ports, owner.name, array, options.validatePasid);
  return new MsiDomain(core, owner, parent, {
    name: 'IMS',
    chip,
    hwsize: array.size,
    slots: 'any',
    validate: (device) => (options.validatePasid ? hasPasid(device) : ok()),
    prepare: (_device, hwirq) => chip.resetSlot(hwirq),
  });
}

function hasPasid(device: Device): Result<void, 'EINVAL'> {
  return device.iommu.valid ? ok() : fail('EINVAL', `${device.name} has no PASID: attach it to an IOMMU domain before its interrupts are set up`);
}
