// The devices guests get by default: each one work queue of the function, composed by the host driver (docs/chain.md).
import { ModelError, must } from '@siov/base';
import { DSA_SPR, layoutOf } from '@siov/datasheet';
import type { DsaLayout, DsaProfile } from '@siov/datasheet';
import { DEFAULT_QUEUE, HostDriver, MDEV_TYPE, virtualProfile } from '@siov/idxd';
import type { VirtualDevice, WorkQueueConfig } from '@siov/idxd';
import { tracedDevice } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { buildHost } from './host.ts';
import type { Host, HostOptions } from './host.ts';

/** One virtual device of a function. */
export interface Mediated {
  readonly virtual: VirtualDevice;
  /** What VMMs use, with each call a crossing into layer `vfio`. */
  readonly vfio: VfioDevice;
  /** Where the tables of its BAR0 are. */
  readonly layout: DsaLayout;
}

export interface MediatedDevices {
  readonly host: Host;
  readonly driver: HostDriver;
  readonly devices: readonly Mediated[];
}

export interface MediatedDevice extends Mediated {
  readonly host: Host;
  readonly driver: HostDriver;
}

/** Host task context: probing, configuration, creating the mediated devices. */
const HK = { name: 'HK', layer: 'scenarios' };

export interface MediatedOptions extends HostOptions {
  /** The guest, one virtual machine with all the devices, has PASIDs of its own: their config space says so. False unless said. */
  readonly pasid?: boolean;
}

/** PASIDs of a virtual machine: a few for each of its devices. */
const PASID_QUOTA = 64;

/** What docs/chain.md says happens before the guest: after it the device waits for a VMM. Throws ModelError if a step fails. */
export function mediatedDevice(options: MediatedOptions = {}): MediatedDevice {
  const { host, driver, devices } = mediatedDevices(1, options);
  const [only] = devices;
  if (only === undefined) throw new ModelError('one device was asked for');
  return { host, driver, ...only };
}

/**
 * The same with `count` virtual devices of one function, each with a dedicated queue of its own. Throws ModelError when
 * the function has fewer queues ({@link mostMediatedDevices}).
 */
export function mediatedDevices(count: number, options: MediatedOptions = {}): MediatedDevices {
  const host = buildHost(options);
  const { executor, core, iommu, interruptParent, device } = host;
  const queues = Array.from({ length: count }, (_, index) => queueOf(index, options.profile));
  const driver = must(executor.run(HK, HostDriver.probe({ core, iommu, interruptParent }, device, queues)), 'probing dsa0');
  const creation = options.pasid === true ? { pasid: true, set: must(iommu.allocSet(null, PASID_QUOTA), "the virtual machine's PASIDs") } : {};
  const devices = queues.map(() => {
    const { driver: virtual } = must(executor.run(HK, driver.mdevs.create(MDEV_TYPE, creation)), `creating a ${MDEV_TYPE}`);
    return { virtual, vfio: tracedDevice(virtual.vfio, host.trace), layout: layoutOf(virtualProfile(driver.physical.capabilities, virtual.queue)) };
  });
  executor.settle();
  return { host, driver, devices };
}

/** Virtual devices with a queue of their own that a function can have: its work queues, if their entries suffice. */
export function mostMediatedDevices(profile: DsaProfile = DSA_SPR): number {
  const { wqs, totalWqSize } = layoutOf(profile);
  return Math.min(wqs, Math.floor(totalWqSize / DEFAULT_QUEUE.size));
}

/** Groups and engines are shared out: devices of different groups do not wait for each other's descriptors. */
export function queueOf(index: number, profile: DsaProfile = DSA_SPR): WorkQueueConfig {
  const { groups, engines } = layoutOf(profile);
  const group = index % Math.min(groups, engines);
  return { ...DEFAULT_QUEUE, index, group, engine: group };
}
