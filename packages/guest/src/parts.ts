// What the parts of the driver share of one device.
import type { IrqCore } from '@siov/irq';
import type { PciDevice } from '@siov/device';
import type { Capabilities } from './capabilities.ts';
import type { GuestFunction } from './function.ts';
import type { DmaMemory } from './dma-memory.ts';
import type { DevicePasids, PasidBinding } from './pasids.ts';
import type { Permissions } from './permissions.ts';

export interface DriverParts {
  readonly core: IrqCore;
  readonly device: PciDevice;
  readonly function: GuestFunction;
  readonly capabilities: Capabilities;
  readonly permissions: Permissions;
  /** null: the driver uses no PASIDs (the module's parameter `sva=0`). */
  readonly pasids: DevicePasids | null;
  /** Under which the device works for the kernel; null: requests without PASID. */
  readonly systemPasid: PasidBinding | null;
  /** For completion records and batch lists; null: nobody waits for descriptors through the driver. */
  readonly dma: DmaMemory | null;
}
