import { describe, expect, test } from 'vitest';
import { bufferMemory, fail, ModelEventFd, must } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { resourcesAskedIn, SweepRun, takes, takesNothing } from '@siov/base/testing';
import type { ObservedState, SweepTable } from '@siov/base/testing';
import { DSA_SMALL, PCICMD } from '@siov/datasheet';
import { readRegister } from '@siov/device';
import { GuestDriver } from '@siov/guest';
import { HostDriver, MDEV_TYPE } from '@siov/idxd';
import { AddressSpace, PagingDomain } from '@siov/iommu';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { buildHost, GuestMachine, mediatedDevice, physicalDevice } from '../src/index.ts';
import type { Host, HostOptions } from '../src/index.ts';

const HK = { name: 'HK', layer: 'test' };
/** Small tables: all of them are compared after every failure. */
const SMALL = { profile: DSA_SMALL, limits: { nrIrqs: 64, vectors: 32, remappingEntries: 32, pasidWidth: 8 } } satisfies HostOptions;
/** A vector on any CPU will do where there is none on those it wants. */
const ANYWHERE = { doesWithLess: true };

/** The commands it was given to reset it, and its PASID capability, which is the IOMMU's to switch off. */
const RESET = { ...ANYWHERE, leaves: [/^(registers\/)?hw\/dsa0\/|^host\/cpu\d+\/vector_irq$/, 'a device that was reset, and vectors that were given back, are not such that never were'] } as const;
/** Messages of masked entries: nobody wipes that of an interrupt which was only reserved. */
const MASKED = { ...ANYWHERE, leaves: [/^registers\/hw\/dsa0\/bar0$|^host\/cpu\d+\/vector_irq$/, 'a message in a masked entry, the mark of a vector given back'] } as const;
/** The table of a requester's first PASIDs stays when they go, as the kernel's does. */
const TABLE = { leaves: [/^(ids\/)?iommu\/page/, 'a PASID table'] } as const;
/** A guest's driver talks to a virtual device: its registers, and the interrupts that its commands raised in host and guest. */
const TALKED = {
  ...ANYWHERE,
  leaves: [/^(guest\/)?(registers\/)?(hw\/dsa0|dsa0-mdev0)\/|^(host|guest\/guest)\/(irq\d+(\/counts)?|cpu\d+\/vector_irq)$|^(guest\/)?registers\/dsa0-mdev0|^guest\/vdsa0\/msi\/default(\/\d+)?$/, 'commands were executed, and raised interrupts; the message of one that was requested is zero'],
} as const;

const UNTOLD = { ...TALKED, neverFails: 'a VMM reports a SET_IRQS that failed, and does not tell the guest' } as const;

const on = ({ executor }: Host) => <T>(steps: Steps<T>): T => {
  const result = executor.run(HK, steps);
  executor.settle();
  return result;
};

function host(state: ObservedState) {
  const made = buildHost({ ...SMALL, state });
  const run = on(made);
  /** What the driver switched on; what else it has done to the function, its reset commands undo. */
  const outside = () => run(readRegister(made.device.resources.config, PCICMD));
  return { ...made, state, run, outside, ports: { core: made.core, iommu: made.iommu, interruptParent: made.interruptParent } };
}

function probed(state: ObservedState) {
  const made = host(state);
  return { ...made, driver: must(made.run(HostDriver.probe(made.ports, made.device)), 'probing') };
}

function mdev(state: ObservedState) {
  const made = mediatedDevice({ ...SMALL, state });
  return { ...made, state, run: on(made.host), iommu: made.host.iommu, device: made.virtual.device };
}

function* armed(vfio: VfioDevice, state: ObservedState, start: number, count: number): Steps<Result<unknown>> {
  const fds = Array.from({ length: count }, (_, each) => new ModelEventFd(state, `fd${start + each}`));
  return yield* vfio.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start, count, action: 'trigger', data: { kind: 'eventfd', fds } });
}

const arm = (start: number, count: number) => takes(mdev, ({ vfio, state }) => armed(vfio, state, start, count), ANYWHERE);

function armedMdev(state: ObservedState) {
  const made = mdev(state);
  must(made.run(armed(made.vfio, state, 0, 2)), 'arming');
  return made;
}

function physical(state: ObservedState) {
  const made = physicalDevice(DSA_SMALL, { limits: SMALL.limits, state });
  return { ...made, state, run: on(made.host) };
}

function guest(state: ObservedState) {
  const made = mdev(state);
  const machine = new GuestMachine({ executor: made.host.executor, state, trace: made.host.trace }, [made.vfio], { memorySize: 1 << 16 });
  return { ...made, machine };
}

function guestProbed(state: ObservedState) {
  const made = guest(state);
  const { core, device, interruptParent } = made.machine;
  const driver = must(made.run(GuestDriver.probe(core, device, interruptParent)), 'guest probe');
  must(made.run(driver.enable()), 'Enable Device');
  const [queue] = driver.queues;
  if (queue === undefined) throw new Error('no queue');
  return { ...made, driver, queue };
}

const table: SweepTable = {
  'HostDriver.probe': takes(host, ({ ports, device }) => HostDriver.probe(ports, device), RESET),
  'mdev create': takes(probed, ({ driver }) => driver.mdevs.create(MDEV_TYPE), TABLE),
  'mdev remove': takesNothing('gives back', armedMdev, function* ({ driver }) {
    const [child] = driver.mdevs.children;
    return child === undefined ? fail('ENODEV', 'no mediated device') : yield* driver.mdevs.remove(child);
  }),
  'HostDriver.remove': takesNothing('gives back', mdev, ({ driver }) => driver.remove()),
  'SET_IRQS, giving up': takesNothing('gives back', armedMdev, ({ vfio }) => vfio.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start: 0, count: 0, action: 'trigger', data: { kind: 'none' } })),
  'VFIO reset': takesNothing('a guest’s reset cannot fail for want of memory', armedMdev, ({ vfio }) => vfio.reset()),
  'VFIO release': takesNothing('gives back', armedMdev, ({ vfio }) => vfio.release()),
  'SET_IRQS, the emulated vector': arm(0, 1),
  'SET_IRQS, the vector with an entry': arm(1, 1),
  'SET_IRQS, both': arm(0, 2),
  'SET_IRQS, a function of its own': takes(physical, ({ vfio, state }) => armed(vfio, state, 0, 3), MASKED),
  'MAP_DMA': takes(mdev, ({ vfio }) => vfio.dmaMap({ iova: 0n, size: 4096n, readable: true, writable: true, memory: bufferMemory(new Uint8Array(4096)) })),
  'a process bound to a mediated device': takes(
    (state) => { const made = mdev(state); must(made.iommu.enableFeature(made.host.device, 'sva'), 'sva'); return { ...made, mm: new AddressSpace(state, 'mm') }; },
    ({ iommu, device, mm }) => iommu.svaBindDevice(device, mm),
  ),
  'a PASID of a guest attached': takes(
    (state) => { const made = mdev(state); const pasid = must(made.iommu.allocGlobalPasid(made.device), 'a PASID'); return { ...made, pasid, space: new PagingDomain(state, 'guest space') }; },
    ({ iommu, device, pasid, space }) => iommu.attachPasid(space, device, pasid),
  ),
  'guest probe': takes(guest, ({ machine: { core, device, interruptParent } }) => GuestDriver.probe(core, device, interruptParent), UNTOLD),
  'guest Enable WQ': takes(guestProbed, ({ queue }) => queue.enable(), UNTOLD),
};

const run = new SweepRun(table);

describe('R6: a failure anywhere in the stack is clean', () => {
  // A machine is made for each request of each call, twice for each way to run out, on one core of many tests.
  test.each(run.calls)('%s', { timeout: 60_000 }, (call) => {
    expect(run.report(call).requests.every((resource) => resource.length > 0)).toBe(true);
  });

  test('every resource was refused: of the packages without a sweep of their own, and all that making a machine asks for', { timeout: 60_000 }, () => {
    const sources = ['device', 'hw', 'vfio', 'vfio-mdev', 'vmm'].flatMap((name) => resourcesAskedIn(new URL(`../../${name}/src/`, import.meta.url)));
    expect(sources.length).toBeGreaterThan(0);
    expect(run.neverRefused(sources)).toEqual([]);
  });
});
