// The review's flow a: the host drives the function itself, with the driver that a guest uses (R19): the permission table is
// the real one, and IOMMU management is the host's own.
import { bufferMemory, fail, must, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { layoutOf } from '@siov/datasheet';
import { GuestDriver, imsPermissions } from '@siov/guest';
import type { ImsInterrupts } from '@siov/guest';
import { attachIms, createImsDomain, detachIms, ImsArray } from '@siov/ims';
import { enablePciPasid, PagingDomain } from '@siov/iommu';
import { procInterrupts } from '@siov/irq';
import { IommuPasids } from '../device-pasids.ts';
import { hostCounters } from '../host.ts';
import { watchDomains, watchedHost } from '../invariants/watched-host.ts';
import type { WatchedHost } from '../invariants/watched-host.ts';
import { copy } from './copy.ts';
import { DEFAULT_COPIES } from './options.ts';
import type { FlowOptions, FlowRun } from './options.ts';
import { hardwareTables } from './tables.ts';
import { InvariantWatch } from './verdicts.ts';

const HK = { name: 'HK', layer: 'guest' };
const MEMORY = 16 * 2 ** 20;

/** Runs the flow. Throws ModelError where the flow itself is broken. */
export function runHostFlow(options: FlowOptions = {}): FlowRun {
  const watched = watchedHost({
    cpus: options.hostCpus ?? 2,
    entries: 16,
    early: options.programAt === 'allocation',
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.remapping === undefined ? {} : { remapping: options.remapping }),
    ...(options.permissionCheck === undefined ? {} : { permissionCheck: options.permissionCheck }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  });
  const { host } = watched;
  const { executor, state, core, iommu, device, interruptParent } = host;
  const watch = new InvariantWatch(watched, options.looks);
  const run = <T>(steps: Steps<Result<T>>, doing: string): T => must(watch.run(executor, HK, steps), doing);
  const memory = new Uint8Array(MEMORY);
  const kernel = new PagingDomain(state, 'host kernel');
  must(kernel.map({ iova: 0n, size: BigInt(MEMORY), readable: true, writable: true, memory: bufferMemory(memory) }), 'the kernel’s memory');
  // What IOMMU management does when it takes the function over.
  watch.run(executor, { name: 'HK', layer: 'iommu' }, enablePciPasid(device));
  const before = hostCounters(host);
  const mode = options.queue ?? 'dedicated';
  const store = options.store === 'ims' ? imsStore(watched, options.programAt ?? 'startup') : null;
  const driver = run(GuestDriver.probe(core, device, interruptParent, {
    pasids: new IommuPasids({ trace: host.trace, iommu, device, kernel }),
    ...(store === null ? {} : { permissions: imsPermissions(store.interrupts) }),
    queues: [{ index: 0, group: 0, mode, size: 16, priority: 10, ...(mode === 'shared' ? { threshold: 16 } : {}) }],
  }), 'probing dsa0');
  run(driver.enable(), 'enabling the device');
  const [queue] = driver.queues;
  if (queue === undefined) throw new RangeError('the device has no work queue');
  run(queue.enable(), 'enabling the work queue');
  const sizes = options.copies ?? DEFAULT_COPIES;
  for (const size of sizes) run(copy(memory, queue, size), `copying ${size} bytes`);
  const hostInterrupts = procInterrupts(core);
  const tables = hardwareTables(watched);
  const { interrupts } = queue;
  watch.run(executor, HK, queue.disable());
  watch.run(executor, HK, driver.disable());
  watch.run(executor, HK, driver.remove());
  store?.remove();
  return {
    copies: { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
    completionInterrupts: interrupts,
    softwareErrors: driver.function.softwareErrors,
    guestInterrupts: [],
    hostInterrupts,
    tables,
    vmmErrors: [],
    before,
    after: hostCounters(host),
    verdicts: watch.verdicts(options.layers),
  };
}

/** The function's message store, whose interrupts bring the kernel's PASID with their allocation (a3). */
export function imsStore(watched: WatchedHost, program: 'allocation' | 'startup'): { readonly interrupts: ImsInterrupts; remove(): void } {
  const { core, device, interruptParent, silicon } = watched.host;
  const { offsets, imsEntries } = layoutOf(silicon.profile);
  const array = new ImsArray({ port: must(device.bar(0), 'BAR 0'), offset: offsets.ims, size: imsEntries });
  const domain = must(createImsDomain(core, device, interruptParent, array, { validatePasid: true, program }), 'the message store');
  const msi = must(attachIms(core, device, domain), 'of the function');
  watchDomains(watched);
  return {
    interrupts: {
      *alloc(vector, binding) {
        const { witness } = device.iommu;
        if (witness === null || binding !== witness) return fail('EINVAL', `the interrupt of vector ${vector} is for the kernel's PASID`);
        const made = yield* msi.allocIrqAt(vector, witness);
        return made.ok ? ok({ virq: made.value.virq, index: made.value.hwirq }) : made;
      },
      *free(vector) {
        must(yield* msi.freeIrqsRange(vector, vector), 'it is not requested');
      },
    },
    remove() {
      detachIms(device);
    },
  };
}
