// The review's flow b: a mediated device whose guest has no PASIDs of its own. Its interrupts check the PASID that IOMMU
// management gave the device; the guest driver never hears of it.
import { must } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { GuestDriver } from '@siov/guest';
import type { GuestDriverOptions } from '@siov/guest';
import { procInterrupts } from '@siov/irq';
import type { GuestMachine } from '../guest-machine.ts';
import { hostCounters } from '../host.ts';
import type { StoredId } from '../invariants/stored-ids.ts';
import { copy } from './copy.ts';
import { mediatedMachine } from './mediated-machine.ts';
import type { MediatedMachine, MediatedSeat } from './mediated-machine.ts';
import { DEFAULT_COPIES } from './options.ts';
import { hardwareTables } from './tables.ts';
import type { FlowOptions, FlowRun } from './options.ts';
import { InvariantWatch } from './verdicts.ts';

/** Runs the flow, every guest to its end. Throws ModelError where the flow itself is broken. */
export function runMdevFlow(options: FlowOptions = {}): FlowRun {
  const made: { machine: MediatedMachine | null } = { machine: null };
  // Without PASIDs of the guest every vector is meant for the one of its device.
  const stored: StoredId = (name) => {
    const device = made.machine?.seats.find(({ virtual }) => virtual.device.name === name)?.virtual.device;
    return device?.iommu.valid === true ? device.iommu.pasid : undefined;
  };
  made.machine = mediatedMachine({ ...options, stored });
  return runGuests(made.machine, options);
}

interface GuestRun {
  readonly guest: GuestMachine;
  readonly driver: GuestDriver;
}

/** One guest after the other attaches and copies; all of them together leave. `driverOptions`: what its driver is given. */
export function runGuests({ watched, seats }: MediatedMachine, options: FlowOptions, driverOptions: (guest: GuestMachine) => GuestDriverOptions = () => ({})): FlowRun {
  const { host } = watched;
  const watch = new InvariantWatch(watched, options.looks);
  const before = hostCounters(host);
  const sizes = options.copies ?? DEFAULT_COPIES;
  const runs = seats.map((seat) => startGuest(seat));
  const tables = { guest: runs.flatMap(({ guest }) => procInterrupts(guest.core)), host: procInterrupts(host.core), hardware: hardwareTables(watched) };
  const figures = runs.map(({ guest, driver }, each) => leave(seats[each] as MediatedSeat, guest, driver));
  return {
    copies: { count: sizes.length * runs.length, bytes: sizes.reduce((sum, size) => sum + size, 0) * runs.length },
    completionInterrupts: figures.reduce((sum, { interrupts }) => sum + interrupts, 0),
    softwareErrors: figures.reduce((sum, { errors }) => sum + errors, 0),
    guestInterrupts: tables.guest,
    hostInterrupts: tables.host,
    tables: tables.hardware,
    vmmErrors: runs.flatMap(({ guest }) => guest.vmm.errors),
    before,
    after: hostCounters(host),
    verdicts: watch.verdicts(options.layers),
  };

  function run<T>(guest: GuestMachine, steps: Steps<Result<T>>, doing: string): T {
    return must(watch.run(host.executor, guest.vcpu, steps), doing);
  }

  function startGuest(seat: MediatedSeat): GuestRun {
    const guest = seat.start();
    const driver = run(guest, GuestDriver.probe(guest.core, guest.device, guest.interruptParent, driverOptions(guest)), 'guest probe');
    run(guest, driver.enable(), 'enabling the device');
    for (const queue of driver.queues) run(guest, queue.enable(), 'enabling the work queue');
    const [queue] = driver.queues;
    if (queue === undefined) throw new RangeError('the device has no work queue');
    for (const size of sizes) run(guest, copy(guest.memory, queue, size), `copying ${size} bytes`);
    // As a dmaengine client does when it gives the channel back.
    if (sizes.length > 0) watch.run(host.executor, guest.vcpu, queue.drain());
    return { guest, driver };
  }

  function leave({ vfio }: MediatedSeat, guest: GuestMachine, driver: GuestDriver): { interrupts: number; errors: number } {
    const interrupts = driver.queues.reduce((sum, queue) => sum + queue.interrupts, 0);
    for (const queue of driver.queues) watch.run(host.executor, guest.vcpu, queue.disable());
    watch.run(host.executor, guest.vcpu, driver.disable());
    watch.run(host.executor, guest.vcpu, driver.remove());
    const main = { name: 'QM', layer: 'vmm' };
    watch.run(host.executor, main, guest.vmm.unrealize());
    watch.run(host.executor, main, vfio.release());
    return { interrupts, errors: driver.function.softwareErrors };
  }
}
