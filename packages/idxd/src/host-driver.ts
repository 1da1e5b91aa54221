// The host driver as a whole: a probed function, one IMS domain for it, one work queue set aside, and the mdev type that
// composes virtual devices of it (docs/chain.md, before the guest).
import { fail, must, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMMAND, GENCAP, IMS_SIZE_UNIT, OFFSETS, TABLE_OFFSET_UNIT } from '@siov/datasheet';
import type { Device, PciDevice } from '@siov/device';
import { createImsDomain } from '@siov/ims';
import { PagingDomain } from '@siov/iommu';
import type { Iommu } from '@siov/iommu';
import { clearMsiDomain, msiDomainOf, setMsiDomain } from '@siov/irq';
import type { IrqCore, IrqDomain, MsiAllocInfo } from '@siov/irq';
import { MdevParent } from '@siov/vfio-mdev';
import { PhysicalFunction } from './physical-function.ts';
import type { ProbeErrno } from './physical-function.ts';
import { VirtualDevice } from './virtual-device.ts';
import { virtualProfile } from './virtual-profile.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkQueueConfig } from './work-queue.ts';

export const MDEV_TYPE = 'dsa-1dwq-v1';

export interface HostDriverPorts {
  readonly core: IrqCore;
  readonly iommu: Iommu;
  /** What the function's message domains sit on: interrupt remapping. */
  readonly interruptParent: IrqDomain<MsiAllocInfo>;
}

/** Sixteen entries, middle priority, first queue, group and engine. */
export const DEFAULT_QUEUE: WorkQueueConfig = { index: 0, group: 0, engine: 0, size: 16, priority: 10 };

export class HostDriver {
  readonly physical: PhysicalFunction;
  readonly mdevs: MdevParent<VirtualDevice>;
  readonly #ports: HostDriverPorts;
  readonly #queue: WorkQueue;

  private constructor(ports: HostDriverPorts, physical: PhysicalFunction, queue: WorkQueue) {
    this.#ports = ports;
    this.physical = physical;
    this.#queue = queue;
    const { trace } = ports.core.ports;
    this.mdevs = new MdevParent(ports.core.ports, physical.device, [
      {
        name: MDEV_TYPE,
        available: () => (queue.owner === null ? 1 : 0),
        probe: (device) => trace.cross('idxd', 'mdev_probe', { device: device.name }, this.#compose(device)),
        remove: (virtual) => trace.cross('idxd', 'mdev_remove', { device: virtual.device.name }, this.#decompose(virtual)),
      },
    ]);
  }

  /** Probes the function, makes its IMS domain, configures one queue and enables the device. Errors as PhysicalFunction.probe. */
  static probe(ports: HostDriverPorts, device: PciDevice, config: WorkQueueConfig = DEFAULT_QUEUE): Steps<Result<HostDriver, ProbeErrno>> {
    return ports.core.ports.trace.cross('idxd', 'probe', { device: device.name }, HostDriver.#probe(ports, device, config));
  }

  static *#probe(ports: HostDriverPorts, device: PciDevice, config: WorkQueueConfig): Steps<Result<HostDriver, ProbeErrno>> {
    const physical = yield* PhysicalFunction.probe(ports.core, device, ports.interruptParent);
    if (!physical.ok) return physical;
    const set = yield* HostDriver.#setUp(ports, physical.value, config);
    if (!set.ok) yield* giveUp(physical.value);
    return set;
  }

  static *#setUp(ports: HostDriverPorts, physical: PhysicalFunction, config: WorkQueueConfig): Steps<Result<HostDriver, ProbeErrno>> {
    const domain = createIms(ports, physical);
    if (!domain.ok) return domain;
    const queue = yield* WorkQueue.configure(physical, config);
    if (!queue.ok) return queue;
    const enabled = yield* physical.mustSucceed(COMMAND.ENABLE_DEVICE);
    return enabled.ok ? ok(new HostDriver(ports, physical, queue.value)) : enabled;
  }

  /** Claims the queue, points the device at the function's IMS domain, attaches it to an address space of its own. */
  *#compose(device: Device): Steps<Result<VirtualDevice, 'ENODEV' | 'EEXIST' | 'ENOSPC' | 'EBUSY'>> {
    const { core, iommu } = this.#ports;
    const { device: parent, capabilities } = this.physical;
    const domain = msiDomainOf(parent, 'secondary');
    const { portals } = parent.resources;
    if (domain === undefined || portals === undefined) return fail('ENODEV', `${parent.name} has no IMS domain or no portals`);
    const claimed = this.#queue.claim(device.name);
    if (!claimed.ok) return claimed;
    const space = new PagingDomain(core.ports.state, device.name);
    iommu.probeDevice(device);
    const attached = iommu.attachDevicePasid(space, device);
    if (!attached.ok) {
      this.#queue.release();
      return fail(attached.errno === 'EOPNOTSUPP' ? 'ENODEV' : attached.errno, attached.message);
    }
    must(setMsiDomain(core, device, domain), 'a new device has no MSI domain');
    return ok(new VirtualDevice({ core, device, profile: virtualProfile(capabilities, this.#queue.size), queue: this.#queue, portals, dma: space }));
  }

  *#decompose(virtual: VirtualDevice): Steps<void> {
    yield* virtual.vfio.release();
    this.#ports.iommu.detachDevicePasid(virtual.device);
    this.#queue.release();
  }

  /** Undoes {@link probe}; the virtual devices go first. */
  *remove(): Steps<void> {
    for (const mdev of this.mdevs.children) yield* this.mdevs.remove(mdev);
    yield* giveUp(this.physical);
  }
}

/** The function as it was before the driver came: another probe finds nothing in its way. */
function* giveUp(physical: PhysicalFunction): Steps<void> {
  clearMsiDomain(physical.device, 'secondary');
  yield* physical.remove();
}

/** One validating domain for the function (R26): guests submit to it, so every entry checks the PASID (R3). */
function createIms({ core, interruptParent }: HostDriverPorts, physical: PhysicalFunction): Result<void, 'ENODEV' | 'EEXIST'> {
  const { device, registers, capabilities } = physical;
  const size = GENCAP.imsSize.get(capabilities.gencap) * IMS_SIZE_UNIT;
  if (size === 0) return fail('ENODEV', `${device.name} has no interrupt message store`);
  const array = { port: registers, offset: OFFSETS.ims.get(capabilities.offsets) * TABLE_OFFSET_UNIT, size };
  return setMsiDomain(core, device, createImsDomain(core, device, interruptParent, array, { validatePasid: true }), 'secondary');
}
