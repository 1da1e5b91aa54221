// The host driver as a whole: a probed function, one IMS domain for it, work queues set aside, and the mdev type that
// composes virtual devices of it (docs/chain.md, before the guest).
import { fail, must, ok } from '@siov/base';
import type { Failure, Result, Steps } from '@siov/base';
import { COMMAND, GENCAP, IMS_SIZE_UNIT, OFFSETS, TABLE_OFFSET_UNIT } from '@siov/datasheet';
import type { Device, PasidWitness, PciDevice } from '@siov/device';
import { attachIms, createImsDomain, detachIms, ImsArray } from '@siov/ims';
import type { ImsDomain } from '@siov/ims';
import { PagingDomain } from '@siov/iommu';
import type { Iommu } from '@siov/iommu';
import type { DeviceMsi, IrqCore, IrqDomain, MsiAllocInfo } from '@siov/irq';
import { MdevParent } from '@siov/vfio-mdev';
import type { MdevProbeErrno } from '@siov/vfio-mdev';
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

interface HostDriverParts {
  readonly physical: PhysicalFunction;
  /** One validating domain for the function (R26): guests submit to it, so every entry checks the PASID (R3). */
  readonly ims: ImsDomain<PasidWitness>;
  /** Each for one virtual device. */
  readonly queues: readonly WorkQueue[];
}

export class HostDriver {
  readonly physical: PhysicalFunction;
  readonly mdevs: MdevParent<VirtualDevice>;
  readonly #ports: HostDriverPorts;
  readonly #parts: HostDriverParts;

  private constructor(ports: HostDriverPorts, parts: HostDriverParts) {
    this.#ports = ports;
    this.#parts = parts;
    this.physical = parts.physical;
    const { trace } = ports.core.ports;
    this.mdevs = new MdevParent(ports.core.ports, this.physical.device, [
      {
        name: MDEV_TYPE,
        available: () => parts.queues.filter((queue) => queue.owner === null).length,
        probe: (device) => trace.cross('idxd', 'mdev_probe', { device: device.name }, this.#compose(device)),
        remove: (virtual) => trace.cross('idxd', 'mdev_remove', { device: virtual.device.name }, this.#decompose(virtual)),
      },
    ]);
  }

  /** Probes the function, makes its IMS domain, configures the queues and enables the device. Errors as PhysicalFunction.probe. */
  static probe(ports: HostDriverPorts, device: PciDevice, queues: readonly WorkQueueConfig[] = [DEFAULT_QUEUE]): Steps<Result<HostDriver, ProbeErrno>> {
    return ports.core.ports.trace.cross('idxd', 'probe', { device: device.name }, HostDriver.#probe(ports, device, queues));
  }

  static *#probe(ports: HostDriverPorts, device: PciDevice, configs: readonly WorkQueueConfig[]): Steps<Result<HostDriver, ProbeErrno>> {
    const physical = yield* PhysicalFunction.probe(ports.core, device, ports.interruptParent);
    if (!physical.ok) return physical;
    const set = yield* HostDriver.#setUp(ports, physical.value, configs);
    if (!set.ok) yield* giveUp(physical.value);
    return set;
  }

  static *#setUp(ports: HostDriverPorts, physical: PhysicalFunction, configs: readonly WorkQueueConfig[]): Steps<Result<HostDriver, ProbeErrno>> {
    const ims = createIms(ports, physical);
    if (!ims.ok) return ims;
    const queues: WorkQueue[] = [];
    for (const config of configs) {
      const queue = yield* WorkQueue.configure(physical, config);
      if (!queue.ok) return queue;
      queues.push(queue.value);
    }
    const enabled = yield* physical.mustSucceed(COMMAND.ENABLE_DEVICE);
    return enabled.ok ? ok(new HostDriver(ports, { physical, ims: ims.value, queues })) : enabled;
  }

  /** Claims a queue, attaches the device to an address space of its own, points it at the function's IMS domain. */
  *#compose(device: Device): Steps<Result<VirtualDevice, MdevProbeErrno>> {
    const queue = this.#parts.queues.find((each) => each.owner === null);
    if (queue === undefined) return fail('ENODEV', `${this.physical.device.name} has no work queue left for ${device.name}`);
    must(queue.claim(device.name), 'the queue is free');
    const made = this.#connect(device, queue);
    if (!made.ok) queue.release();
    return made;
  }

  #connect(device: Device, queue: WorkQueue): Result<VirtualDevice, MdevProbeErrno> {
    const { core } = this.#ports;
    const { device: parent, capabilities } = this.physical;
    const { portals } = parent.resources;
    if (portals === undefined) return fail('ENODEV', `${parent.name} has no portals`);
    // The guest gets the queue's portal: from here on its interrupts need a PASID check (R3).
    const exposed = device.submitters.exposePortal();
    if (!exposed.ok) return fail('ENODEV', exposed.message);
    // Before the guest can ask for any interrupt (R16).
    const space = new PagingDomain(core.ports.state, device.name);
    const msi = this.#attach(device, space);
    if (!msi.ok) {
      device.submitters.withdrawPortal();
      return msi;
    }
    const profile = virtualProfile(capabilities, queue.size);
    return ok(new VirtualDevice({ core, device, msi: msi.value, profile, queue, portals, dma: space }));
  }

  /** A PASID of its own, and interrupts that are checked for it. */
  #attach(device: Device, space: PagingDomain): Result<DeviceMsi<PasidWitness>, MdevProbeErrno> {
    const { core, iommu } = this.#ports;
    const probed = iommu.probeDevice(device);
    if (!probed.ok) return probed;
    const attached = iommu.attachDevicePasid(space, device);
    const msi = attached.ok ? attachIms(core, device, this.#parts.ims, 'default') : attached;
    if (msi.ok) return msi;
    this.#detach(device);
    return msi.errno === 'EOPNOTSUPP' ? fail('ENODEV', msi.message) : (msi as Failure<MdevProbeErrno>);
  }

  /** Nothing of the device's interrupts is left, so nobody holds its PASID. */
  #detach(device: Device): void {
    const { iommu } = this.#ports;
    detachIms(device);
    must(iommu.detachDevicePasid(device), `${device.name}: its interrupts are released`);
    must(iommu.releaseDevice(device), `${device.name}: it is detached`);
  }

  /** The interrupts go with the VFIO device: after that nothing holds the PASID. */
  *#decompose(virtual: VirtualDevice): Steps<void> {
    yield* virtual.vfio.release();
    detachIms(virtual.device);
    must(this.#ports.iommu.detachDevicePasid(virtual.device), `${virtual.device.name}: its interrupts are released`);
    // Whoever attached it with PASIDs of their own has to detach it: until then the IOMMU knows the device.
    this.#ports.iommu.releaseDevice(virtual.device);
    virtual.device.submitters.withdrawPortal();
    virtual.queue.release();
  }

  /** Undoes {@link probe}; the virtual devices go first. */
  *remove(): Steps<void> {
    for (const mdev of this.mdevs.children) yield* this.mdevs.remove(mdev);
    yield* giveUp(this.physical);
  }
}

/** The function as it was before the driver came: another probe finds nothing in its way. */
function* giveUp(physical: PhysicalFunction): Steps<void> {
  detachIms(physical.device);
  yield* physical.remove();
}

/** The function has it beside its MSI-X: it is found from there, and the host may use it itself. */
function createIms({ core, interruptParent }: HostDriverPorts, { device, registers, capabilities }: PhysicalFunction) {
  const size = GENCAP.imsSize.get(capabilities.gencap) * IMS_SIZE_UNIT;
  if (size === 0) return fail('ENODEV', `${device.name} has no interrupt message store`);
  const array = new ImsArray({ port: registers, offset: OFFSETS.ims.get(capabilities.offsets) * TABLE_OFFSET_UNIT, size });
  const domain = createImsDomain(core, device, interruptParent, array, { validatePasid: true });
  if (!domain.ok) return domain;
  const attached = attachIms(core, device, domain.value);
  if (attached.ok) return domain;
  must(domain.value.destroy(), 'nobody has an interrupt of a domain just made');
  return attached;
}
