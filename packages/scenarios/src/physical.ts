// The physical function given to a guest as it is, as vfio-pci does it: registers passed through, MSI-X interrupts of the
// host behind the guest's vectors.
import { must } from '@siov/base';
import type { AccessPort, Steps } from '@siov/base';
import { CONFIG_SPACE_SIZE, DESCRIPTOR_SIZE, MSGCTL } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { PagingDomain } from '@siov/iommu';
import { pciEnableMsix } from '@siov/irq';
import { pciVfioDevice, registerRegion, tracedDevice, VFIO_PCI_REGION } from '@siov/vfio';
import type { PciRegion, VfioDevice } from '@siov/vfio';
import { TriggerHelper } from '@siov/vfio-mdev';
import { buildHost } from './host.ts';
import type { Host, HostOptions } from './host.ts';

export interface PhysicalDevice {
  readonly host: Host;
  readonly triggers: TriggerHelper;
  readonly vfio: VfioDevice;
}

const HK = { name: 'HK', layer: 'scenarios' };

/** The whole function for one guest. Its requests without PASID reach what the guest maps. */
export function physicalDevice(profile: DsaProfile, options: Omit<HostOptions, 'profile'> = {}): PhysicalDevice {
  const host = buildHost({ ...options, profile });
  const { executor, core, iommu, remapping, device, silicon, state, trace } = host;
  const space = new PagingDomain(state, device.name);
  must(iommu.attachDevice(space, device), 'attaching dsa0');
  const msix = must(executor.run(HK, pciEnableMsix(core, device, remapping.domain)), 'enabling MSI-X of dsa0');
  const triggers = new TriggerHelper(core, device, Array.from({ length: msix.size }, () => 'msi' as const));
  function* reset(): Steps<void> {
    yield* triggers.disable();
    yield* msix.disable();
    yield* silicon.functionLevelReset();
    must(yield* pciEnableMsix(core, device, remapping.domain), 'enabling MSI-X of dsa0 after its reset');
  }
  const vfio = pciVfioDevice({
    name: device.name,
    regions: {
      [VFIO_PCI_REGION.CONFIG]: registerRegion(CONFIG_SPACE_SIZE, guestConfig(device.resources.config)),
      [VFIO_PCI_REGION.BAR0]: registerRegion(profile.bar0Size, silicon.bar0),
      [VFIO_PCI_REGION.BAR2]: portalRegion(profile.bar2Size, silicon.portals),
    },
    msixVectors: msix.size,
    dma: space,
    setMsix: (set) => triggers.setTrigger(set),
    reset,
    *released() {},
  });
  return { host, triggers, vfio: tracedDevice(vfio, trace) };
}

/** The guest's writes to MSI-X control stay away from the function: its MSI-X is the host's. */
function guestConfig(config: AccessPort): AccessPort {
  const covers = (offset: number, size: number) => offset < MSGCTL.offset + 2 && MSGCTL.offset < offset + size;
  return {
    ...config,
    read: (offset, size) => config.read(offset, size),
    read64: (offset) => config.read64(offset),
    *write(offset, size, value) {
      if (!covers(offset, size)) yield* config.write(offset, size, value);
    },
    *write64(offset, value) {
      if (!covers(offset, 8)) yield* config.write64(offset, value);
    },
  };
}

function portalRegion(size: number, portals: { submit(offset: number, descriptor: Uint8Array): Steps<void> }): PciRegion {
  return {
    size,
    *read(_offset, into) {
      into.fill(0);
    },
    *write(offset, from) {
      if (from.length === DESCRIPTOR_SIZE) yield* portals.submit(offset, from);
    },
  };
}
