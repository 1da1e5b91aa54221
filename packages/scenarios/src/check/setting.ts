// Where a window of a flow begins: a host, its mediated devices, and guests with their drivers, everything up to there done
// in the one order that has nobody else in it.
import { must, wordMemory } from '@siov/base';
import type { Agent, Memory, StatePort, Steps } from '@siov/base';
import { DSA_SMALL } from '@siov/datasheet';
import type { PciDevice } from '@siov/device';
import { dmaPool, GuestDriver, imsPermissions } from '@siov/guest';
import type { DmaMemory, GuestWorkQueue } from '@siov/guest';
import { enablePciPasid, PagingDomain } from '@siov/iommu';
import type { IrqCore } from '@siov/irq';
import type { VfioDevice } from '@siov/vfio';
import { IommuPasids } from '../device-pasids.ts';
import { imsStore } from '../flows/host.ts';
import { mediatedMachine } from '../flows/mediated-machine.ts';
import type { MediatedMachine, MediatedSeat } from '../flows/mediated-machine.ts';
import type { FlowOptions } from '../flows/options.ts';
import type { GuestMachine } from '../guest-machine.ts';
import { hostCounters } from '../host.ts';
import type { StoredId } from '../invariants/stored-ids.ts';
import { watchedHost } from '../invariants/watched-host.ts';
import type { WatchedHost } from '../invariants/watched-host.ts';
import { V6Machine } from '../v6/v6-machine.ts';

export type Design = 'review' | 'v6';

/** Flow a; b; c and d. */
export type Scenario = 'host' | 'mdev' | 'mdev-vsvm';

export interface SettingOptions extends Pick<FlowOptions, 'vmm' | 'irqfd' | 'devices' | 'guestCpus' | 'vectors' | 'remapping' | 'trace'> {
  readonly scenario: Scenario;
  readonly design?: Design;
  /** The guest's kernel uses its PASID in the queue; else the queue has the device's default one, and the PASID is for a later client. */
  readonly queuePasid?: boolean;
}

/** Whose driver uses a device: a guest, or the host's kernel. */
export interface Tenant {
  /** The kernel that the driver is in, and its CPUs as agents. */
  readonly core: IrqCore;
  readonly cpu: (number: number) => Agent;
  readonly device: PciDevice;
  readonly driver: GuestDriver;
  readonly queue: GuestWorkQueue;
  /** What is still to be done when request_irq() has returned: nothing in the review's design. */
  readonly permit: () => Steps<void>;
  /** The VMM ends, without a word to the guest. */
  readonly giveUp: () => Steps<void>;
}

export interface Setting {
  readonly watched: WatchedHost;
  readonly tenants: readonly Tenant[];
  /** What the host held before they came. */
  readonly bare: Readonly<Record<string, number>>;
}

/** Entries of the store that are looked at: more than the windows use. */
const ENTRIES = 3;
/** Bytes of a guest: a page for descriptors, one for the driver's completion records. */
const RAM = 0x2000;
const RECORDS = 0x1000;
const LIMITS = { nrIrqs: 64, remappingEntries: 64, pasidWidth: 6 };

/** The machine up to where each driver has probed and enabled its device; the queues are not enabled. */
export function setting(state: StatePort, options: SettingOptions): Setting {
  if (options.scenario === 'host') return hosted(state, options);
  return options.design === 'v6' ? refuted(state, options) : reviewed(state, options);
}

/** Flow a: the host's kernel drives the function itself, with the driver of a guest (R19) and interrupts of the message store. */
function hosted(state: StatePort, { guestCpus = 1, trace }: SettingOptions): Setting {
  const watched = watchedHost({ cpus: guestCpus, entries: ENTRIES, state, memory: state, limits: LIMITS, profile: DSA_SMALL, ...(trace === undefined ? {} : { trace }) });
  const { executor, core, iommu, device, interruptParent } = watched.host;
  const cpu = (number: number): Agent => ({ name: `CPU${number}`, layer: 'guest' });
  const run = <T>(steps: Steps<T>): T => executor.run(cpu(0), steps);
  const ram = ramOf(state, 'host kernel');
  const kernel = new PagingDomain(state, 'host kernel');
  must(kernel.map({ iova: 0n, size: BigInt(RAM), readable: true, writable: true, memory: ram }), 'the kernel’s memory');
  executor.run({ name: 'HK', layer: 'iommu' }, enablePciPasid(device));
  const bare = hostCounters(watched.host);
  const driver = must(run(GuestDriver.probe(core, device, interruptParent, {
    dma: recordsOf(state, 'host', ram),
    pasids: new IommuPasids({ trace: watched.host.trace, iommu, device, kernel }),
    permissions: imsPermissions(imsStore(watched, 'startup').interrupts),
    queues: [{ index: 0, group: 0, mode: 'dedicated', size: 16, priority: 10 }],
  })), 'the driver probes');
  must(run(driver.enable()), 'the driver enables the device');
  executor.settle();
  return { watched, bare, tenants: [{ core, cpu, device, driver, queue: queueOf(driver), *permit() {}, *giveUp() {} }] };
}

/** Flows b and d. */
function reviewed(state: StatePort, options: SettingOptions): Setting {
  const made: { machine: MediatedMachine | null } = { machine: null };
  const guestPasids = options.scenario === 'mdev-vsvm';
  const stored: StoredId = (name) => {
    const device = made.machine?.seats.find(({ virtual }) => virtual.device.name === name)?.virtual.device;
    return !guestPasids && device?.iommu.valid === true ? device.iommu.pasid : undefined;
  };
  const rams = new Map<string, Memory>();
  const machine = mediatedMachine({
    ...options,
    hostCpus: 1,
    profile: DSA_SMALL,
    stored,
    device: { pasid: guestPasids },
    host: { state, memory: state, entries: ENTRIES, limits: LIMITS },
    ram(guest) {
      const ram = ramOf(state, guest);
      rams.set(guest, ram);
      return ram;
    },
  });
  made.machine = machine;
  const bare = hostCounters(machine.watched.host);
  return { watched: machine.watched, bare, tenants: machine.seats.map((seat) => tenant(machine, seat, guestPasids, rams)) };
}

function tenant({ watched }: MediatedMachine, seat: MediatedSeat, guestPasids: boolean, rams: ReadonlyMap<string, Memory>): Tenant {
  const { executor } = watched.host;
  const guest = seat.start();
  const { core, device, interruptParent, first } = guest;
  const ram = rams.get(core.options.name);
  const run = <T>(steps: Steps<T>): T => executor.run(guest.vcpu, steps);
  const driver = must(run(GuestDriver.probe(core, device, interruptParent, {
    ...(ram === undefined ? {} : { dma: recordsOf(core.ports.state, core.options.name, ram) }),
    ...(guestPasids ? { pasids: first.pasids } : {}),
  })), 'the guest driver probes');
  must(run(driver.enable()), 'the guest driver enables the device');
  executor.settle();
  return { ...guestParts(guest, seat.vfio), driver, queue: queueOf(driver), *permit() {} };
}

/** Flow c: one device, on the design that the review refuted; all else is the same. */
function refuted(state: StatePort, { vmm, guestCpus = 1, vectors = 2, queuePasid = true, trace }: SettingOptions): Setting {
  const ram = ramOf(state, 'guest');
  const machine = new V6Machine({
    hostCpus: 1,
    guestCpus,
    vectors,
    queuePasid,
    ...(vmm === undefined ? {} : { vmm }),
    ...(trace === undefined ? {} : { trace }),
    host: { state, memory: state, entries: ENTRIES, limits: LIMITS, profile: DSA_SMALL },
    ram,
    dma: ({ core }) => recordsOf(core.ports.state, core.options.name, ram),
  });
  const { watched, guest, device } = machine;
  const bare = hostCounters(watched.host);
  must(watched.host.executor.run(guest.vcpu, machine.probe()), 'the guest driver probes');
  watched.host.executor.settle();
  const { driver, queue } = machine;
  return { watched, bare, tenants: [{ ...guestParts(guest, device.vfio), driver, queue, permit: () => machine.thenPermit() }] };
}

function guestParts(guest: GuestMachine, vfio: VfioDevice): Pick<Tenant, 'core' | 'cpu' | 'device' | 'giveUp'> {
  const first = Number(guest.vcpu.name.slice('VC'.length));
  return {
    core: guest.core,
    device: guest.device,
    cpu: (number) => ({ name: `VC${first + number}`, layer: 'guest' }),
    *giveUp() {
      yield* guest.vmm.unrealize();
      // The VMM knows nothing of how it went.
      yield { kind: 'wait', what: 'the VMM closes the device', anew: true };
      yield* vfio.release();
    },
  };
}

function ramOf(state: StatePort, guest: string): Memory {
  return wordMemory(state.words(`${guest}/ram`, RAM / 4));
}

/** The driver's part of the memory. */
function recordsOf(state: StatePort, name: string, ram: Memory): DmaMemory {
  const memory = {
    size: RAM - RECORDS,
    read: (at: number, into: Uint8Array) => ram.read(RECORDS + at, into),
    write: (at: number, from: Uint8Array) => ram.write(RECORDS + at, from),
  };
  return dmaPool(state, name, { memory, address: BigInt(RECORDS) });
}

function queueOf(driver: GuestDriver): GuestWorkQueue {
  const [queue] = driver.queues;
  if (queue === undefined) throw new TypeError('the device has no work queue');
  return queue;
}
