// The machine programs run on: eight CPUs, a DSA function with four queues for virtual devices and one that the host shares,
// and tables so small that they run out. Everything that is recorded for the invariants is recorded.
import { bufferMemory, describeFailure, isSteps, must } from '@siov/base';
import type { Agent, Errno, MaybeSteps, Result, Steps } from '@siov/base';
import type { Device } from '@siov/device';
import { DEFAULT_QUEUE, HostDriver } from '@siov/idxd';
import type { VirtualDevice } from '@siov/idxd';
import { imsOf } from '@siov/ims';
import { AddressSpace, PagingDomain } from '@siov/iommu';
import type { PasidSet, SvaBond } from '@siov/iommu';
import type { MsiDesc } from '@siov/irq';
import { tracedDevice } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import type { Mdev } from '@siov/vfio-mdev';
import { hostCounters } from '../host.ts';
import { differences } from '../invariants/i04-failed-call.ts';
import { PicturedState } from '../invariants/state-picture.ts';
import type { WatchedHandler } from '../invariants/handler-history.ts';
import { watchDomains, watchedHost } from '../invariants/watched-host.ts';
import type { Subject, Violation } from '../invariants/subject.ts';
import type { WatchedHost } from '../invariants/watched-host.ts';
import { CPUS, FUNCTION, MMS, QUEUES } from './operation.ts';
import type { Seat } from './operation.ts';
import { PROFILE, shareQueue } from './silicon.ts';
import type { Tables } from './tables.ts';

const MEMORY = 0x4000;
/** Legacy interrupts come first. */
const FIRST_VIRQ = 16;
const HK = { name: 'HK', layer: 'scenarios' };
const GROUPS = 4;

export interface Virtual {
  readonly mdev: Mdev<VirtualDevice>;
  readonly device: Device;
  readonly vfio: VfioDevice;
  /** What the queue's descriptors reach, from address 0. */
  readonly memory: Uint8Array;
}

/** An interrupt the host has requested. */
export interface Requested {
  readonly desc: MsiDesc;
  readonly handler: WatchedHandler;
}

export interface MachineOptions {
  readonly tables: Tables;
  /** Looked at after each step of an operation. */
  readonly between?: (subject: Subject) => void;
}

export class ProgramMachine {
  readonly state: PicturedState;
  readonly subject: WatchedHost;
  readonly set: PasidSet;
  readonly mms: readonly AddressSpace[];
  readonly seats = new Map<Seat, Virtual>();
  /** By `seat/index`. */
  readonly requested = new Map<string, Requested>();
  /** By `seat/mm`; the last one also when it was unbound. */
  readonly bonds = new Map<string, SvaBond>();
  /** What the host holds while there is no virtual device. */
  readonly bare: Readonly<Record<string, number>>;
  driver: HostDriver;
  readonly #between: (subject: Subject) => void;
  #spaces = 0;

  constructor({ tables, between = () => {} }: MachineOptions) {
    this.#between = between;
    const { entries, remappingEntries, virqs, vectors, pasidWidth } = tables;
    this.state = new PicturedState({ limits: { 'IR-IMS-dsa0/slots': entries } });
    this.subject = watchedHost({
      profile: PROFILE,
      cpus: CPUS,
      state: this.state,
      entries,
      inheritsPending: true,
      limits: { nrIrqs: FIRST_VIRQ + virqs, vectors, remappingEntries, pasidWidth },
      stored: (name, index) => this.#stored(name, index),
    });
    const { iommu, device } = this.subject.host;
    this.driver = this.#probe();
    must(iommu.enableFeature(device, 'sva'), 'sva');
    must(iommu.attachDevicePasid(this.newSpace(new Uint8Array(MEMORY)), device), 'a PASID for the function');
    this.set = must(iommu.allocSet('a guest', 2), 'a PASID set');
    this.mms = Array.from({ length: MMS }, (_, mm) => new AddressSpace(this.state, `mm${mm}`));
    this.bare = hostCounters(this.host);
    for (let seat = 0; seat < QUEUES; seat++) must(this.create(seat), 'a virtual device');
    this.subject.host.executor.settle();
  }

  get host(): WatchedHost['host'] {
    return this.subject.host;
  }

  /** No agent could move when the operation began: what a call then changes is its own doing. */
  atRest = true;
  /** What calls that failed have left. */
  readonly unclean: Violation[] = [];

  /**
   * A call that can fail, as the host's task context or whatever `as` says. I4: one that fails leaves all as it was, but for
   * what `gives` says that it gives up first.
   */
  call<T, E extends Errno>(what: string, steps: () => MaybeSteps<Result<T, E>>, { as = HK, gives }: { as?: Agent; gives?: RegExp } = {}): Result<T, E> {
    const before = this.atRest ? this.state.picture() : [];
    const made = steps();
    const result = isSteps(made) ? this.host.executor.run(as, this.#watched(made)) : made;
    if (!result.ok && this.atRest) this.unclean.push(...differences(before, `${what}, which failed with ${describeFailure(result)},`, gives));
    return result;
  }

  /** As the host's task context, with a look after each of its points. */
  run<T>(steps: MaybeSteps<T>): T {
    return isSteps(steps) ? this.host.executor.run(HK, this.#watched(steps)) : steps;
  }

  /** As a vCPU of the guest of `seat` that has trapped. */
  runTrapped<T>(seat: Seat, steps: Steps<T>): T {
    return this.host.executor.run(vcpu(seat), this.#watched(steps));
  }

  device(seat: Seat): Device | undefined {
    return seat === FUNCTION ? this.host.device : this.seats.get(seat)?.device;
  }

  desc(seat: Seat, index: number): MsiDesc | undefined {
    const device = this.device(seat);
    return device === undefined ? undefined : imsOf(device)?.desc(index);
  }

  newSpace(memory: Uint8Array): PagingDomain {
    const space = new PagingDomain(this.state, `space${this.#spaces++}`);
    must(space.map({ iova: 0n, size: BigInt(memory.length), readable: true, writable: true, memory: bufferMemory(memory) }), 'mapping');
    return space;
  }

  create(seat: Seat): Result<void> {
    const made = this.call('creating a device', () => this.driver.mdevs.create(this.driver.mdevs.types[0]?.name ?? ''));
    if (!made.ok) return made;
    const mdev = made.value;
    const { driver, device } = mdev;
    const vfio = tracedDevice(this.subject.history.vectors.watch(driver.vfio, driver.triggers, 2), this.host.trace);
    const virtual = { mdev, device, vfio, memory: new Uint8Array(MEMORY) };
    this.seats.set(seat, virtual);
    return this.mapMemory(virtual);
  }

  mapMemory({ vfio, memory }: Virtual): Result<void> {
    return this.run(vfio.dmaMap({ iova: 0n, size: BigInt(MEMORY), readable: true, writable: true, memory: bufferMemory(memory) }));
  }

  /** The driver comes, and the host's shared queue with it. */
  bindDriver(): void {
    this.driver = this.#probe();
  }

  #probe(): HostDriver {
    const { core, iommu, interruptParent, device } = this.host;
    const queues = Array.from({ length: QUEUES }, (_, index) => ({ ...DEFAULT_QUEUE, index, group: index % GROUPS, engine: index % GROUPS }));
    const driver = must(this.run(HostDriver.probe({ core, iommu, interruptParent }, device, queues)), 'probing the function');
    watchDomains(this.subject);
    this.run(shareQueue(driver));
    return driver;
  }

  /** Device names are those of seats while there is a device. */
  #stored(name: string, index: number): number | null | undefined {
    const seated = [...this.seats.values()].find(({ device }) => device.name === name);
    if (seated === undefined || index !== 0) return undefined;
    return seated.device.iommu.valid ? seated.device.iommu.pasid : null;
  }

  *#watched<T>(steps: Steps<T>): Steps<T> {
    for (let next = steps.next(); ; next = steps.next()) {
      this.#between(this.subject);
      if (next.done) return next.value;
      yield next.value;
    }
  }
}

/** The host's side of a vCPU that has trapped. */
export function vcpu(seat: Seat): Agent {
  return { name: `VC${seat}/host`, layer: 'vmm' };
}
