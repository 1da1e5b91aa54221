// A virtual device that lets the guest believe it configures groups and queues. The stock driver (drivers/dma/idxd, 6.12
// and 7.3) writes the PASID of a work queue only then: of a device whose configuration is fixed it writes the interrupt's
// permission entry with the PASID and leaves the queue without, and no completion interrupt can pass.
import { GENCAP } from '@siov/datasheet';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';

/** The byte of GENCAP with the bit Configuration Support. */
const BIT = 31;
const BYTE = GENCAP.offset + (BIT >> 3);

/**
 * `device` with GENCAP saying that it can be configured. What the guest then writes of sizes and groups is dropped as
 * before: the configuration it sees stays the one there is, which it has to ask for (one group, one engine, 16 entries).
 */
export function asConfigurable(device: VfioDevice): VfioDevice {
  function* regionRead(index: number, offset: number, into: Uint8Array): ReturnType<VfioDevice['regionRead']> {
    const read = yield* device.regionRead(index, offset, into);
    const at = BYTE - offset;
    if (read.ok && index === VFIO_PCI_REGION.BAR0 && at >= 0 && at < into.length) into[at] = (into[at] ?? 0) | (1 << (BIT & 7));
    return read;
  }
  return { ...device, regionRead };
}
