// R6 for the driver: whatever it is refused, a call that fails leaves everything as it was.
import { describe, expect, test } from 'vitest';
import { bufferMemory, fail, must, ok } from '@siov/base';
import type { Steps } from '@siov/base';
import { ObservedState, resourcesAskedIn, SweepRun, takes, takesNothing } from '@siov/base/testing';
import type { GrowthRule, SweepTable } from '@siov/base/testing';
import { COMMAND, COMPLETION_STATUS, DSA_SMALL, encodeCompletionRecord, GENSTS, Msixperm, OPCODE } from '@siov/datasheet';
import { pciMsixAllocIrqAt, pciMsixFreeIrq } from '@siov/irq';
import type { IrqDomain, MsiAllocInfo } from '@siov/irq';
import * as guest from '../src/index.ts';
import { dmaPool, freePermittedIrq, GuestDriver, GuestFunction, imsPermissions, msixPermissions, Permissions, pollCompletion, requestPermittedIrq } from '../src/index.ts';
import type { GuestDriverOptions, ImsInterrupts, PasidBinding, QueueConfig } from '../src/index.ts';
import { makeGuest, recordedPasids } from './recorded-function.ts';

const QUEUES: readonly QueueConfig[] = [{ index: 0, group: 0, mode: 'dedicated', size: 2, priority: 1 }, { index: 1, group: 0, mode: 'shared', size: 4, threshold: 2 }];
const COPY = { opcode: OPCODE.MEMMOVE, source: 0n, destination: 0x1000n, size: 8 } as const;
const MM = { mm: 'process' };
const LINE = { name: 'line', devId: 'me', *thread() { return 'handled' as const; } };

/** A function for the driver to configure, memory for its records, and a device that completes what it is given. */
function machine(state: ObservedState) {
  const made = makeGuest({ profile: DSA_SMALL, machineState: state });
  const { pasids, bound } = recordedPasids(made, { grant: (resource) => state.grant(resource) });
  const bytes = new Uint8Array(0x8000);
  const dma = dmaPool(state, 'dma', { memory: bufferMemory(bytes), address: 0n });
  made.hooks.execute = (descriptor) => {
    const at = Number(new DataView(descriptor.buffer).getBigUint64(8, true));
    bytes.set(encodeCompletionRecord({ status: COMPLETION_STATUS.SUCCESS }), at);
    made.fire(made.submissions.at(-1)?.offset === undefined || (made.submissions.at(-1)?.offset ?? 0) < 0x4000 ? 1 : 2);
  };
  const run = <T>(steps: Steps<T>): T => {
    const result = made.run(steps);
    made.executor.settle();
    return result;
  };
  const options: GuestDriverOptions = { pasids, dma, queues: QUEUES };
  const permission = (vector: number) => made.bar0.get(Msixperm, 0x200 + vector * 8);
  return { ...made, state, pasids, bound, dma, bytes, run, options, parent: made.vectors.domain as IrqDomain<MsiAllocInfo>, outside: () => ({ counters: made.counters(), bound: bound.size, permissions: [permission(1), permission(2)] }) };
}

function probed(state: ObservedState) {
  const made = machine(state);
  const driver = must(made.run(GuestDriver.probe(made.core, made.device, made.parent, made.options)), 'probe');
  const [dedicated, shared] = driver.queues;
  if (dedicated === undefined || shared === undefined) throw new Error('no queues');
  const virqs = [16, 17, 18];
  const permissions = new Permissions(made.core, msixPermissions, { function: driver.function, msixperm: 0x200, virqs });
  return { ...made, driver, dedicated, shared, permissions };
}

/** MSI-X with vector 0 alone: the queues' interrupts come from elsewhere. */
function probedWithStore(state: ObservedState) {
  const made = machine(state);
  const interrupts: ImsInterrupts = {
    *alloc(vector) {
      const desc = yield* pciMsixAllocIrqAt(made.device, vector);
      if (!desc.ok) return fail(desc.errno === 'EOPNOTSUPP' ? 'EINVAL' : desc.errno, desc.message);
      return ok({ virq: desc.value.virq, index: vector });
    },
    *free(vector) {
      must(yield* pciMsixFreeIrq(made.device, vector), 'freeing');
    },
  };
  const driver = must(made.run(GuestDriver.probe(made.core, made.device, made.parent, { ...made.options, permissions: imsPermissions(interrupts) })), 'probe');
  must(made.run(driver.enable()), 'Enable Device');
  return { ...made, driver, queue: driver.queues[0] ?? expect.unreachable(), interrupts };
}

/** The device enabled, no queue yet. */
function bare(state: ObservedState) {
  const made = probed(state);
  must(made.run(made.driver.enable()), 'Enable Device');
  return made;
}

const enabled = (type: 'kernel' | 'user') => (state: ObservedState) => {
  const made = bare(state);
  for (const queue of made.driver.queues) must(made.run(queue.enable(type)), 'Enable WQ');
  return made;
};

const opened = (state: ObservedState) => {
  const made = enabled('user')(state);
  return { ...made, process: must(made.run(made.shared.openProcess(MM)), 'open') };
};

const granted = (state: ObservedState) => {
  const made = probed(state);
  return { ...made, permission: must(made.run(made.permissions.grant(1, { pasid: 5 })), 'grant') };
};

const started = (state: ObservedState) => {
  const made = enabled('kernel')(state);
  return { ...made, inFlight: must(made.run(made.dedicated.start(COPY)), 'start') };
};

const WAITS = 'waits for what has been started';
const GIVES_BACK = 'gives back';
const TALKS = 'only talks to the device';
const ANYWHERE = {
  doesWithLess: true,
  leaves: [/^guest\/(irq\d+(\/counts)?|cpu\d+\/vector_irq)$|^vdsa0\/msi\/default(\/\d+)?$|^guest\/log$/, 'commands were executed, and raised interrupts; the message of one that was requested is zero; a warning was logged'],
} as const;

const table: SweepTable = {
  'GuestDriver.probe': takes(machine, ({ core, device, parent }) => GuestDriver.probe(core, device, parent), ANYWHERE),
  'GuestDriver.probe [PASIDs, queues]': takes(machine, ({ core, device, parent, options }) => GuestDriver.probe(core, device, parent, options), ANYWHERE),
  'GuestDriver.enable': takesNothing(TALKS, probed, ({ driver }) => driver.enable()),
  'GuestDriver.disable': takesNothing(TALKS, enabled('kernel'), ({ driver }) => driver.disable()),
  'GuestDriver.remove': takesNothing(GIVES_BACK, enabled('kernel'), ({ driver }) => driver.remove()),
  'GuestDriver.remove [processes]': takesNothing(GIVES_BACK, opened, ({ driver }) => driver.remove()),
  'new GuestDriver': takesNothing('is made by probe'),
  'GuestWorkQueue.enable': takes(bare, ({ dedicated }) => dedicated.enable(), ANYWHERE),
  'GuestWorkQueue.enable [shared]': takes(bare, ({ shared }) => shared.enable(), ANYWHERE),
  'GuestWorkQueue.enable [from the store]': takes(probedWithStore, ({ queue }) => queue.enable(), ANYWHERE),
  'GuestWorkQueue.enable [user]': takesNothing('a queue for processes has no interrupt', bare, ({ shared }) => shared.enable('user')),
  'GuestWorkQueue.disable': takesNothing(GIVES_BACK, enabled('kernel'), ({ dedicated }) => dedicated.disable()),
  'GuestWorkQueue.drain': takesNothing(TALKS, enabled('kernel'), ({ dedicated }) => dedicated.drain()),
  'GuestWorkQueue.copy': takesNothing(TALKS, enabled('kernel'), ({ dedicated }) => dedicated.copy(0n, 0x1000n, 8, 0x4000n)),
  'GuestWorkQueue.submit': takesNothing(TALKS, enabled('kernel'), ({ dedicated }) => dedicated.submit(COPY)),
  'GuestWorkQueue.start': takesNothing('descriptors are made when the queue is enabled', enabled('kernel'), ({ dedicated }) => dedicated.start(COPY)),
  'GuestWorkQueue.wait': takesNothing(WAITS, started, ({ dedicated, inFlight }) => dedicated.wait(inFlight)),
  'GuestWorkQueue.transfer': takesNothing(WAITS, enabled('kernel'), ({ dedicated }) => dedicated.transfer(COPY)),
  'GuestWorkQueue.batch': takes(enabled('kernel'), ({ dedicated }) => dedicated.batch([COPY, COPY]), ANYWHERE),
  'GuestWorkQueue.openProcess': takes(enabled('user'), ({ shared }) => shared.openProcess(MM), ANYWHERE),
  'GuestWorkQueue.openProcess [dedicated]': takes(enabled('user'), ({ dedicated }) => dedicated.openProcess(MM), ANYWHERE),
  'GuestWorkQueue.closeProcesses': takesNothing(GIVES_BACK, opened, ({ shared }) => shared.closeProcesses()),
  'GuestWorkQueue.renewHandle': takesNothing(TALKS, enabled('kernel'), ({ dedicated }) => dedicated.renewHandle()),
  'GuestWorkQueue.quiesce': takesNothing(GIVES_BACK, enabled('kernel'), ({ dedicated }) => dedicated.quiesce()),
  'GuestWorkQueue.abandon': takesNothing(GIVES_BACK, enabled('kernel'), ({ dedicated }) => dedicated.abandon()),
  'new GuestWorkQueue': takesNothing('is part of the driver'),
  'new ProcessQueue': takesNothing('is made by openProcess'),
  'ProcessQueue.submit': takesNothing(TALKS, opened, ({ process }) => process.submit({})),
  'ProcessQueue.close': takesNothing(GIVES_BACK, opened, ({ process }) => process.close()),
  pollCompletion: takesNothing('looks', machine, () => pollCompletion(bufferMemory(encodeCompletionRecord({ status: 1 })), 0)),
  dmaPool: takesNothing('is what memory there is', machine, ({ state }) => dmaPool(state, 'another', { memory: bufferMemory(new Uint8Array(4096)), address: 0n })),
  'dmaPool().alloc': takes(machine, ({ dma }) => dma.alloc(1)),
  'dmaPool().free': takesNothing(GIVES_BACK, machine, ({ dma }) => dma.free({ address: 0n, memory: bufferMemory(new Uint8Array(0)) })),
  imsPermissions: takesNothing('is the interrupts it is given', probedWithStore, ({ interrupts }) => imsPermissions(interrupts)),
  'imsPermissions().grant': takes(probedWithStore, ({ interrupts, driver }) => imsPermissions(interrupts).grant({ function: driver.function, msixperm: 0x200, virqs: [] }, 1, null), ANYWHERE),
  'imsPermissions().revoke': takesNothing(GIVES_BACK, (state) => {
    const made = probedWithStore(state);
    must(made.run(made.interrupts.alloc(1, null)), 'alloc');
    const place = { function: made.driver.function, msixperm: 0x200, virqs: [16, 17, 18] };
    return { ...made, place, permission: must(made.run(new Permissions(made.core, msixPermissions, place).grant(1, null)), 'grant') };
  }, ({ interrupts, place, permission }) => imsPermissions(interrupts).revoke(place, permission, false)),
  'msixPermissions.grant': takesNothing(TALKS, probed, ({ driver }) => msixPermissions.grant({ function: driver.function, msixperm: 0x200, virqs: [0, 1] }, 1, { pasid: 5 } satisfies PasidBinding)),
  'msixPermissions.revoke': takesNothing(TALKS, granted, ({ driver, permission }) => msixPermissions.revoke({ function: driver.function, msixperm: 0x200, virqs: [0, 1] }, permission, false)),
  'new Permissions': takesNothing('is part of the driver', probed, ({ core, driver }) => void new Permissions(core, msixPermissions, { function: driver.function, msixperm: 0x200, virqs: [] })),
  'Permissions.grant': takesNothing(TALKS, probed, ({ permissions }) => permissions.grant(1, { pasid: 5 })),
  'Permissions.revoke': takesNothing(GIVES_BACK, granted, ({ permissions, permission }) => permissions.revoke(permission)),
  'Permissions.request': takes(granted, ({ permissions, permission }) => permissions.request(permission, LINE), ANYWHERE),
  'Permissions.free': takesNothing(GIVES_BACK, (state) => {
    const made = granted(state);
    must(made.run(requestPermittedIrq(made.permission, LINE)), 'request');
    return made;
  }, ({ permissions, permission }) => permissions.free(permission, 'me')),
  requestPermittedIrq: takes(granted, ({ permission }) => requestPermittedIrq(permission, LINE), ANYWHERE),
  freePermittedIrq: takesNothing(GIVES_BACK, (state) => {
    const made = granted(state);
    must(made.run(requestPermittedIrq(made.permission, LINE)), 'request');
    return made;
  }, ({ permission }) => freePermittedIrq(permission, 'me')),
  'new GrantedPermission': takesNothing('is made by Permissions.grant'),
  'new GuestFunction': takesNothing('is part of the driver', machine, ({ core, device }) => void new GuestFunction(core, 'another', must(device.bar(0), 'BAR 0'))),
  'GuestFunction.read': takesNothing(TALKS, probed, ({ driver }) => driver.function.read(GENSTS)),
  'GuestFunction.write': takesNothing(TALKS, probed, ({ driver }) => driver.function.write(Msixperm, Msixperm.reset, 0x200)),
  'GuestFunction.command': takesNothing(TALKS, probed, ({ driver }) => driver.function.command(COMMAND.DRAIN_ALL)),
  'GuestFunction.polledCommand': takesNothing(TALKS, probed, ({ driver }) => driver.function.polledCommand(COMMAND.DRAIN_ALL)),
  'GuestFunction.initialReset': takesNothing(TALKS, probed, ({ driver }) => driver.function.initialReset()),
  'GuestFunction.takeSoftwareError': takesNothing(TALKS, probed, ({ driver }) => driver.function.takeSoftwareError()),
  'GuestFunction.commandCompleted': takesNothing('marks', probed, ({ driver }) => driver.function.commandCompleted()),
  'GuestFunction.halt': takesNothing('marks', probed, ({ driver }) => driver.function.halt()),
};

/** Asked for by workers, whose refusal no call is told of: tested in misc-interrupt.test.ts and completions.test.ts. */
const OF_WORKERS = /idxd_revoke|idxd_resubmit/;

const RULES: readonly GrowthRule[] = [
  [/./, { none: 'a constructor has no way to fail: probe has asked for its memory' }, /^new |^dmaPool$/],
  [/^guest\/vdsa0\/permissions$/, { none: 'one a vector, part of the queue' }],
  [/^guest\/vdsa0\/wq\d+\/descs$/, { none: 'descriptors are made when the queue is enabled' }],
  [/^guest\/vdsa0\.lastErrors$/, { none: 'as many as the driver has room for' }],
  [/^guest\/vdsa0\/wq\d+\/processes$/, { resource: 'idxd_user_context' }],
  [/^new (lock\/)?guest\/vdsa0(\/(commands|revocation|driver|permissions))?$/, { resource: 'idxd_device' }],
  [/^new (lock\/)?guest\/vdsa0\/wq\d+/, { resource: 'idxd_wq' }],
  [/^dma\/dma$/, { resource: 'dma_coherent' }],
  // Of the irq core.
  [/^new (lock\/)?vdsa0\/msi(x\/control|\/default)$|^device\/vdsa0\/attached$/, { resource: 'msi_device_data' }],
  [/^new (ids|domain)\/PCI-MSIX-vdsa0\/|^domain\/guest\/vector\/children$/, { resource: 'irq_domain' }],
  [/^(new )?vdsa0\/msi\/default(\/\d+)?$/, { resource: 'msi_desc' }],
  [/^guest\/descs$|^new (lock\/)?guest\/irq\d+(\/request|\/counts)?$/, { resource: 'irq_desc' }],
  [/^domain\/.*\/revmap$/, { resource: 'irq_data' }],
  [/^guest\/vectors$|^new guest\/irq\d+\/apic$/, { resource: 'apic_chip_data' }],
  [/^guest\/irq\d+\.actions$|^new guest\/irq\d+\/.*\/thread$/, { resource: 'irqaction' }],
];

describe('R6: every failure is clean', () => {
  const run = new SweepRun(table);

  test.each(run.calls)('%s', (call) => {
    expect(run.report(call).requests.every((resource) => resource.length > 0)).toBe(true);
  });

  test('every public call has a row', () => {
    const made = opened(new ObservedState());
    const { permission } = granted(new ObservedState());
    expect(run.uncovered(guest, [made.driver, made.driver.function, made.shared, made.process, made.permissions, permission])).toEqual({ missing: [], unknown: [] });
  });

  // It reads the sources, which are not what they were where a mutation run changes them.
  test.skipIf(process.env['STRYKER_MUTATOR_WORKER'] !== undefined)('every resource was refused', () => {
    const sources = resourcesAskedIn(new URL('../src/', import.meta.url));
    expect(sources.map(({ names }) => String(names)).filter((each) => OF_WORKERS.test(each))).toHaveLength(2);
    expect(run.neverRefused(sources.filter(({ names }) => !OF_WORKERS.test(String(names))))).toEqual([]);
  });

  test('everything that grows was asked for', () => {
    expect(run.unasked(RULES)).toEqual({ grown: [], idle: [] });
  });
});
