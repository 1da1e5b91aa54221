// The physical function given to a guest as it is, as vfio-pci does it: registers passed through, MSI-X interrupts of the
// host behind the guest's vectors.
import { must, ok } from '@siov/base';
import type { AccessPort, Steps } from '@siov/base';
import { CONFIG_SPACE_SIZE, DESCRIPTOR_SIZE, DEVCTL, MSGCTL, PCICMD } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import { PagingDomain } from '@siov/iommu';
import { pciEnableMsix } from '@siov/irq';
import { pciVfioDevice, registerRegion, tracedDevice, VFIO_PCI_REGION } from '@siov/vfio';
import type { PciRegion, VfioDevice } from '@siov/vfio';
import { TriggerHelper } from '@siov/vfio-mdev';
import { buildHost } from './host.ts';
import type { Host, HostOptions } from './host.ts';

export interface PhysicalDevice {
  readonly host: Host;
  readonly triggers: TriggerHelper<null>;
  readonly vfio: VfioDevice;
}

const HK = { name: 'HK', layer: 'scenarios' };

/** The whole function for one guest. Its requests without PASID reach what the guest maps. */
export function physicalDevice(profile: DsaProfile, options: Omit<HostOptions, 'profile'> = {}): PhysicalDevice {
  const host = buildHost({ ...options, profile });
  const { executor, core, iommu, interruptParent, device, silicon, state, trace } = host;
  const space = new PagingDomain(state, device.name);
  must(iommu.attachDevice(space, device), 'attaching dsa0');
  let msix = must(executor.run(HK, withMemoryEnabled(device.resources.config, pciEnableMsix(core, device, interruptParent))), 'enabling MSI-X of dsa0');
  const triggers = new TriggerHelper<null>(core, device.name, Array.from({ length: msix.size }, () => 'msi' as const), { msi: () => msix.msi, instance: () => ok(null) });
  const { config } = device.resources;
  const vectors = Array.from({ length: msix.size }, (_, vector) => vector);
  /** The guest's own function level reset: its vectors stay armed, with new interrupts behind them. */
  function* guestReset(): Steps<void> {
    for (const vector of vectors) yield* withMemoryEnabled(config, triggers.idle(vector));
    yield* resetFunction();
    for (const vector of vectors) yield* withMemoryEnabled(config, triggers.resume(vector));
  }
  function* reset(): Steps<void> {
    yield* withMemoryEnabled(config, triggers.disable());
    yield* resetFunction();
  }
  function* resetFunction(): Steps<void> {
    yield* msix.disable();
    yield* silicon.functionLevelReset();
    msix = must(yield* withMemoryEnabled(config, pciEnableMsix(core, device, interruptParent)), 'enabling MSI-X of dsa0 after its reset');
  }
  const vfio = pciVfioDevice({
    name: device.name,
    regions: {
      [VFIO_PCI_REGION.CONFIG]: registerRegion(CONFIG_SPACE_SIZE, guestConfig(config, guestReset)),
      [VFIO_PCI_REGION.BAR0]: registerRegion(profile.bar0Size, silicon.bar0),
      [VFIO_PCI_REGION.BAR2]: portalRegion(profile.bar2Size, silicon.portals),
    },
    msixVectors: msix.size,
    dma: space,
    setMsix: (set) => withMemoryEnabled(config, triggers.setTrigger(set)),
    reset,
    *released() {},
  });
  return { host, triggers, vfio: tracedDevice(vfio, trace) };
}

/**
 * The host reaches the MSI-X table whether or not the guest has the function's memory on: it is switched on for the
 * host's accesses and back (vfio_pci_memory_lock_and_enable()).
 */
function* withMemoryEnabled<T>(config: AccessPort, body: Steps<T>): Steps<T> {
  const before = yield* readRegister(config, PCICMD);
  if (PCICMD.memorySpaceEnable.get(before) === 1) return yield* body;
  yield* writeRegister(config, PCICMD, PCICMD.memorySpaceEnable.set(before, 1));
  const result = yield* body;
  // A reset in the body has switched it off already; the guest's other bits are as they are now.
  const after = yield* readRegister(config, PCICMD);
  yield* writeRegister(config, PCICMD, PCICMD.memorySpaceEnable.set(after, 0));
  return result;
}

/**
 * The guest's writes to MSI-X control stay away from the function: its MSI-X is the host's. A function level reset is
 * the host's too, which has interrupts to carry over it (vfio_exp_config_write()).
 */
function guestConfig(config: AccessPort, functionLevelReset: () => Steps<void>): AccessPort {
  // The bit is in the upper byte, which a guest may write alone.
  const upper = DEVCTL.offset + 1;
  const flr = (offset: number, size: number, value: bigint) => {
    if (offset > upper || offset + size <= upper) return false;
    const written = DEVCTL.image(Number((value >> BigInt((upper - offset) * 8)) & 0xffn) << 8);
    return DEVCTL.initiateFunctionLevelReset.get(written) === 1;
  };
  const isHosts = (offset: number, size: number) => offset < MSGCTL.offset + 2 && MSGCTL.offset < offset + size;
  function* write(offset: number, size: number, value: bigint, pass: () => Steps<void>): Steps<void> {
    if (flr(offset, size, value)) yield* functionLevelReset();
    else if (!isHosts(offset, size)) yield* pass();
  }
  return {
    read: (offset, size) => config.read(offset, size),
    read64: (offset) => config.read64(offset),
    write: (offset, size, value) => write(offset, size, BigInt(value), () => config.write(offset, size, value)),
    write64: (offset, value) => write(offset, 8, value, () => config.write64(offset, value)),
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
