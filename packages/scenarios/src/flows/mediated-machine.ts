// Host, mediated devices and their guests, for the flows b and d of the review.
import { must } from '@siov/base';
import type { Agent, Memory } from '@siov/base';
import { DEFAULT_QUEUE, HostDriver, MDEV_TYPE, MDEV_TYPE_SHARED } from '@siov/idxd';
import type { VirtualDevice, VirtualDeviceOptions } from '@siov/idxd';
import { tracedDevice } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { GuestMachine } from '../guest-machine.ts';
import { watchDomains, watchedHost } from '../invariants/watched-host.ts';
import type { WatchedHost, WatchOptions } from '../invariants/watched-host.ts';
import type { StoredId } from '../invariants/stored-ids.ts';
import { queueOf } from '../mediated.ts';
import { VcpuPosting } from '../vcpu-posting.ts';
import type { FlowOptions } from './options.ts';

const HK: Agent = { name: 'HK', layer: 'scenarios' };
/** Entries of the message store that are looked at: more than the flows use. */
const ENTRIES = 16;

export interface MediatedSeat {
  readonly virtual: VirtualDevice;
  readonly vfio: VfioDevice;
  /** Starts the guest: until then nobody has attached the device. */
  start(): GuestMachine;
}

export interface MediatedMachine {
  readonly watched: WatchedHost;
  readonly driver: HostDriver;
  readonly seats: readonly MediatedSeat[];
}

export interface MediatedMachineOptions extends FlowOptions {
  readonly device?: VirtualDeviceOptions;
  /** The PASID each vector is meant for, as its guest has it. */
  readonly stored?: StoredId;
  /** Where state is kept, and how large tables are. */
  readonly host?: Pick<WatchOptions, 'state' | 'memory' | 'limits' | 'entries'>;
  /** The memory of a guest, by its name. */
  readonly ram?: (guest: string) => Memory;
}

/** Everything up to where the VMMs come (b1, b2). Throws ModelError if a step fails. */
export function mediatedMachine(options: MediatedMachineOptions = {}): MediatedMachine {
  const { devices = 1, queue = 'dedicated', vectors = 2, hostCpus = 2, guestCpus = 1 } = options;
  const watched = watchedHost({
    cpus: hostCpus,
    entries: ENTRIES,
    ...options.host,
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    early: options.programAt === 'allocation',
    ...(options.remapping === undefined ? {} : { remapping: options.remapping }),
    ...(options.permissionCheck === undefined ? {} : { permissionCheck: options.permissionCheck }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(options.stored === undefined ? {} : { stored: options.stored }),
  });
  const { executor, core, iommu, interruptParent, device } = watched.host;
  const shared = queue === 'shared';
  const queues = shared
    ? [{ ...DEFAULT_QUEUE, mode: 'shared' as const }]
    : Array.from({ length: devices }, (_, index) => queueOf(index, options.profile));
  const posting = options.remapping === 'posted' ? new VcpuPosting(watched.host) : null;
  const ports = { core, iommu, interruptParent, programIds: options.programAt ?? 'startup', ...(posting === null ? {} : { bypass: posting.bypass }) };
  const driver = must(executor.run(HK, HostDriver.probe(ports, device, queues)), 'probing dsa0');
  watchDomains(watched);
  const type = shared ? MDEV_TYPE_SHARED : MDEV_TYPE;
  const seats = Array.from({ length: devices }, (_, seat) => {
    const mdev = must(executor.run(HK, driver.mdevs.create(type, { vectors, ...options.device })), `creating a ${type}`);
    const { driver: virtual } = mdev;
    const vfio = tracedDevice(watched.history.vectors.watch(virtual.vfio, virtual.triggers, vectors), watched.host.trace);
    const start = () => {
      const vcpus = posting?.vcpus(guestCpus);
      const name = seat === 0 ? 'guest' : `guest${seat}`;
      const guest = new GuestMachine(watched.host, [vfio], {
        name,
        ...(options.ram === undefined ? {} : { ram: options.ram(name) }),
        firstVcpu: seat * guestCpus,
        cpus: guestCpus,
        mapPortals: options.mapPortals ?? true,
        // Without KVM nobody takes what is posted.
        irqfd: (options.irqfd ?? false) || posting !== null,
        ...(options.vmm === undefined ? {} : { policy: options.vmm }),
        ...(posting === null || vcpus === undefined ? {} : { posting: { bypass: posting.bypass, to: vcpus.map(({ to }) => to) } }),
      });
      vcpus?.forEach(({ run }, cpu) => run((vector) => guest.vectors.raise(cpu, vector)));
      return guest;
    };
    return { virtual, vfio, start };
  });
  executor.settle();
  return { watched, driver, seats };
}
