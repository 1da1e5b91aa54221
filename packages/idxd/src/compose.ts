// A virtual device made of what its function has: a queue claimed, an address space and a PASID of its own, the function's
// IMS domain, and, if the guest is to have PASIDs, the set they come from. Made completely or not at all.
import { fail, must, ok } from '@siov/base';
import type { Failure, Result, Steps } from '@siov/base';
import { COMMAND } from '@siov/datasheet';
import type { Device, PasidWitness, SubmitPort } from '@siov/device';
import { attachIms, detachIms } from '@siov/ims';
import { PagingDomain } from '@siov/iommu';
import type { Iommu, PasidSet } from '@siov/iommu';
import type { DeviceMsi } from '@siov/irq';
import type { MdevProbeErrno } from '@siov/vfio-mdev';
import type { FunctionParts, HostDriverPorts } from './function-parts.ts';
import { GuestPasidTable } from './guest-pasids.ts';
import { InterruptHandles } from './interrupt-handles.ts';
import { VirtualDevice } from './virtual-device.ts';
import { virtualProfile } from './virtual-profile.ts';
import { DedicatedQueue, SharedQueue } from './virtual-queue.ts';
import type { WorkQueue } from './work-queue.ts';

/** How a virtual device is to be. */
export interface VirtualDeviceOptions {
  /** Guest vectors, 2 to 9; 2 unless said. Vector 0 is emulated, each other is an interrupt of the function's message store. */
  readonly vectors?: number;
  /** The guest has PASIDs of its own: its config space says so, and the VMM binds them (`vfio.pasids`). False unless said; a shared queue needs it. */
  readonly pasid?: boolean;
  /** Where the host's PASIDs behind the guest's come from: one set for all devices of a virtual machine. One of its own unless said. */
  readonly set?: PasidSet;
  /** PASIDs of that one; 16 unless said. */
  readonly quota?: number;
  /** How VFIO takes its vectors: `dynamic`, one by one, unless said. */
  readonly resize?: 'classic' | 'dynamic';
}

const DEFAULT_QUOTA = 16;

/** What was made for a device and is unmade with it. */
export interface Composed {
  readonly virtual: VirtualDevice;
  /** The set that was made for this device alone. */
  readonly ownSet: PasidSet | null;
}

/** Takes `queue` for `device`. The errors are those of what it needs: IOMMU, IMS, PASIDs. */
export function compose(ports: HostDriverPorts, parts: FunctionParts, device: Device, queue: WorkQueue, options: VirtualDeviceOptions): Result<Composed, MdevProbeErrno> {
  const { portals } = parts.physical.device.resources;
  if (portals === undefined) return fail('ENODEV', `${parts.physical.device.name} has no portals`);
  const claimed = queue.claim(device.name);
  if (!claimed.ok) return claimed;
  const made = expose(ports, parts, device, { queue, options, portals });
  if (!made.ok) queue.release(device.name);
  return made;
}

interface Request {
  readonly queue: WorkQueue;
  readonly options: VirtualDeviceOptions;
  readonly portals: SubmitPort;
}

/** The guest gets the queue's portal: from here on its interrupts need a PASID check (R3). */
function expose(ports: HostDriverPorts, parts: FunctionParts, device: Device, request: Request): Result<Composed, MdevProbeErrno> {
  const exposed = device.submitters.exposePortal();
  if (!exposed.ok) return fail('ENODEV', exposed.message);
  const set = pasidSet(ports.iommu, request);
  const made = set.ok ? connect(ports, parts, device, { ...request, ...set.value }) : set;
  if (made.ok) return made;
  if (set.ok && set.value.ownSet !== null) must(ports.iommu.freeSet(set.value.ownSet), 'a set that nobody has used');
  device.submitters.withdrawPortal();
  return made;
}

interface Sets {
  readonly set: PasidSet | null;
  readonly ownSet: PasidSet | null;
}

function pasidSet(iommu: Iommu, { queue, options }: Request): Result<Sets, 'ENOSPC' | 'ENOMEM' | 'ENODEV'> {
  const { set, quota = DEFAULT_QUOTA, pasid = false } = options;
  if (set !== undefined) return ok({ set, ownSet: null });
  if (!pasid && !queue.shared) return ok({ set: null, ownSet: null });
  const made = iommu.allocSet(null, quota);
  if (made.ok) return ok({ set: made.value, ownSet: made.value });
  return made.errno === 'EINVAL' || made.errno === 'EEXIST' ? fail('ENODEV', made.message) : (made as Failure<'ENOSPC' | 'ENOMEM'>);
}

function connect(ports: HostDriverPorts, parts: FunctionParts, device: Device, { queue, options, portals, set, ownSet }: Request & Sets): Result<Composed, MdevProbeErrno> {
  const { core, iommu } = ports;
  const { state } = core.ports;
  const { physical } = parts;
  // Before the guest can ask for any interrupt (R16).
  const dma = new PagingDomain(state, device.name);
  const msi = attach(ports, parts, device, dma);
  if (!msi.ok) return msi;
  const drain = function* (pasid: number): Steps<void> {
    yield* queue.runPasid(COMMAND.DRAIN_PASID, pasid);
  };
  const pasids = set === null ? null : new GuestPasidTable({ state, iommu, device, set, spaces: parts.guestSpaces, drain });
  const virtual = new VirtualDevice({
    core, device, msi: msi.value, portals, dma, pasids,
    profile: virtualProfile(physical.capabilities, queue, options.vectors),
    queue: queue.shared ? new SharedQueue(device, queue, pasids) : new DedicatedQueue(state, device, queue),
    handles: new InterruptHandles(physical, device.name),
    trigger: { resize: options.resize ?? 'dynamic', ...(ports.bypass === undefined ? {} : { bypass: ports.bypass }) },
  });
  return ok({ virtual, ownSet });
}

/** A PASID of its own, and interrupts that are checked for it. */
function attach({ core, iommu }: HostDriverPorts, { ims }: FunctionParts, device: Device, space: PagingDomain): Result<DeviceMsi<PasidWitness>, MdevProbeErrno> {
  const probed = iommu.probeDevice(device);
  if (!probed.ok) return probed;
  const attached = iommu.attachDevicePasid(space, device);
  const msi = attached.ok ? attachIms(core, device, ims, 'default') : attached;
  if (msi.ok) return msi;
  // Nothing of the device's interrupts is left, so nobody holds its PASID.
  detachIms(device);
  must(iommu.detachDevicePasid(device), `${device.name}: its interrupts are released`);
  must(iommu.releaseDevice(device), `${device.name}: it is detached`);
  return msi.errno === 'EOPNOTSUPP' ? fail('ENODEV', msi.message) : (msi as Failure<MdevProbeErrno>);
}

/**
 * The user is asked to give the device back, and not waited for: the interrupts go with the VFIO device, the guest's
 * PASIDs too. After that nothing holds the device's own.
 */
export function* decompose({ iommu }: HostDriverPorts, { virtual, ownSet }: Composed): Steps<void> {
  const { device } = virtual;
  yield* virtual.triggers.request();
  yield* virtual.vfio.release();
  detachIms(device);
  must(iommu.detachDevicePasid(device), `${device.name}: its interrupts are released`);
  // Whoever attached it with PASIDs of their own has to detach it: until then the IOMMU knows the device.
  iommu.releaseDevice(device);
  if (ownSet !== null) must(iommu.freeSet(ownSet), `${device.name}: the guest's PASIDs are unbound`);
  device.submitters.withdrawPortal();
  virtual.queue.release(device.name);
}
