// The device a guest gets by default: one work queue of the function, composed by the host driver (docs/chain.md).
import { must } from '@siov/base';
import { HostDriver, MDEV_TYPE } from '@siov/idxd';
import type { VirtualDevice } from '@siov/idxd';
import { tracedDevice } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { buildHost } from './host.ts';
import type { Host, HostOptions } from './host.ts';

export interface MediatedDevice {
  readonly host: Host;
  readonly driver: HostDriver;
  readonly virtual: VirtualDevice;
  /** What VMMs use, with each call a crossing into layer `vfio`. */
  readonly vfio: VfioDevice;
}

/** Host task context: probing, configuration, creating the mediated device. */
const HK = { name: 'HK', layer: 'scenarios' };

/** What docs/chain.md says happens before the guest: after it the device waits for a VMM. Throws ModelError if a step fails. */
export function mediatedDevice(options: HostOptions = {}): MediatedDevice {
  const host = buildHost(options);
  const { executor, core, iommu, interruptParent, device } = host;
  const ports = { core, iommu, interruptParent };
  const driver = must(executor.run(HK, HostDriver.probe(ports, device)), 'probing dsa0');
  const mdev = must(executor.run(HK, driver.mdevs.create(MDEV_TYPE)), `creating a ${MDEV_TYPE}`);
  executor.settle();
  return { host, driver, virtual: mdev.driver, vfio: tracedDevice(mdev.driver.vfio, host.trace) };
}
