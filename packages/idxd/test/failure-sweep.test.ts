// I4, R6: whatever the calls of this package ask for is refused once, and then for good: they fail, leave everything as it was,
// and succeed when they are made again.
import { describe, expect, test } from 'vitest';
import { bufferMemory } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { resourcesAskedIn, SweepRun, takes, takesNothing } from '@siov/base/testing';
import type { ObservedState, SweepTable } from '@siov/base/testing';
import { OPCODE } from '@siov/datasheet';
import { PagingDomain } from '@siov/iommu';
import type { HostDriver, VirtualDeviceOptions } from '../src/index.ts';
import { DEFAULT_QUEUE, MDEV_TYPE, MDEV_TYPE_SHARED } from '../src/index.ts';
import { addVirtual, makeHost, SHARED_QUEUE } from './fake-function.ts';

const QUEUES = [DEFAULT_QUEUE, { ...SHARED_QUEUE, index: 1 }];

function probed(state: ObservedState) {
  const host = makeHost({ state });
  const driver = host.probe(...QUEUES);
  if (!driver.ok) throw new Error(driver.message);
  const space = new PagingDomain(state, 'kernel');
  const records = { iova: 0n, memory: bufferMemory(new Uint8Array(0x1000)) };
  return { ...host, state, driver: driver.value, space, records, outside: () => [0, 1, 2].map((slot) => host.fake.ims(slot)) };
}

function created(options: VirtualDeviceOptions, type = MDEV_TYPE) {
  return (state: ObservedState) => {
    const machine = probed(state);
    return { ...machine, ...addVirtual(machine, machine.driver, type, options) };
  };
}

function kernel(state: ObservedState) {
  const machine = probed(state);
  const queue = machine.run(machine.driver.openKernelQueue({ space: machine.space, records: machine.records }));
  if (!queue.ok) throw new Error(queue.message);
  return { ...machine, queue: queue.value };
}

const GIVES_BACK = 'gives back';
const pasids = { pasid: true };
function bound(state: ObservedState) {
  const machine = created(pasids)(state);
  machine.bind(5);
  return machine;
}

const notThere = (): Steps<Result<unknown>> => {
  throw new Error('no PASIDs');
};
/** Tables of the IOMMU stay for the next, and the record of a device counts how often it was attached. */
const KEPT = { leaves: [/^(ids\/)?iommu\/page|^device\/dsa0\/iommu$/, 'the IOMMU keeps its tables, and counts'] } as const;
const create = (type: string, options: VirtualDeviceOptions = {}) => takes(probed, ({ driver }: { driver: HostDriver }) => driver.mdevs.create(type, options), KEPT);
/** The vCPU's side of a request: two vectors, one for the guest's PASID 5. */
const eventfds = () => [0, 1].map((vector) => ({ name: `fd${vector}`, signal() {}, close() {} }));

const table: SweepTable = {
  'mdevs.create': create(MDEV_TYPE),
  'mdevs.create with PASIDs': create(MDEV_TYPE, pasids),
  'mdevs.create on a shared queue': create(MDEV_TYPE_SHARED, { vectors: 9 }),
  'pasids.bind': takes(created(pasids), ({ vfio }) => vfio.pasids?.bind(5) ?? notThere()),
  'pasids.map': takes(bound, ({ vfio }) => vfio.pasids?.map(5, { iova: 0n, size: 0x1000n, readable: true, writable: true, memory: bufferMemory(new Uint8Array(0x1000)) }) ?? notThere()),
  openKernelQueue: takes(probed, ({ driver, space, records }) => driver.openKernelQueue({ space, records }), { ...KEPT, doesWithLess: true }),
  setIrqs: takes((state) => {
    const made = bound(state);
    made.permit(1, { pasidEnable: 1, pasid: 5 });
    return made;
  }, ({ vfio }) => vfio.setIrqs({ index: 2, start: 0, count: 2, action: 'trigger', data: { kind: 'eventfd', fds: eventfds() } }), { doesWithLess: true }),
  'KernelQueue.submit': takes(kernel, ({ queue }) => queue.submit({ opcode: OPCODE.NOOP }, () => {})),
  'KernelQueue.close': takesNothing(GIVES_BACK, kernel, ({ queue }) => queue.close()),
  'mdevs.remove': takesNothing(GIVES_BACK, created(pasids), ({ driver, mdev }) => driver.mdevs.remove(mdev)),
  'pasids.unbind': takesNothing(GIVES_BACK, bound, ({ vfio }) => vfio.pasids?.unbind(5) ?? notThere()),
  'migration.loadState': takesNothing('what is loaded was there before', created(pasids), function* ({ virtual: { migration } }) {
    return yield* migration.loadState(yield* migration.saveState());
  }),
};

describe('R6: every failure is clean', () => {
  const run = new SweepRun(table);

  test.each(run.calls)('%s', (call) => {
    expect(run.report(call).requests.every((resource) => resource.length > 0)).toBe(true);
  });

  // It reads the sources, which are not what they were where a mutation run changes them.
  test.skipIf(process.env['STRYKER_MUTATOR_WORKER'] !== undefined)('every resource of this package was refused', () => {
    const sources = resourcesAskedIn(new URL('../src/', import.meta.url));
    expect([sources.length > 0, run.neverRefused(sources).filter((place) => place.includes('.ts:'))]).toEqual([true, []]);
  });
});
