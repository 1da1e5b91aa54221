// The host kernel's own queue: its interrupt is set up with the function's PASID, work is submitted and reported, and nothing
// is left when it goes.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, Executor, plainState, recordTrace } from '@siov/base';
import type { Steps, TraceEvent } from '@siov/base';
import { COMMAND, decodeDescriptor, DESCRIPTOR_FLAG, DSA_SMALL, DSA_SPR, encodeCompletionRecord, OPCODE } from '@siov/datasheet';
import type { CompletionRecord } from '@siov/datasheet';
import { PagingDomain } from '@siov/iommu';
import { addVirtual, HANDLE_OFFSET, makeHost, SHARED_QUEUE } from './fake-function.ts';
import type { FakeHostOptions } from './fake-function.ts';
import { DEFAULT_QUEUE } from '../src/index.ts';
import type { KernelQueueOptions, WorkQueueConfig } from '../src/index.ts';

const RECORDS = 0x4000n;
const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;

function machine(options: FakeHostOptions & { queues?: readonly WorkQueueConfig[] } = {}) {
  const host = makeHost(options);
  const before = host.counters();
  const driver = host.probe(...(options.queues ?? []));
  if (!driver.ok) throw new Error(driver.message);
  const memory = bufferMemory(new Uint8Array(0x1000));
  const space = new PagingDomain(plainState, 'kernel');
  const given: KernelQueueOptions = { records: { iova: RECORDS, memory }, space };
  const open = (more: Partial<KernelQueueOptions> = {}) => host.run(driver.value.openKernelQueue({ ...given, ...more }));
  const opened = (more: Partial<KernelQueueOptions> = {}) => {
    const queue = open(more);
    if (!queue.ok) throw new Error(queue.message);
    return queue.value;
  };
  return {
    ...host, before, driver: driver.value, memory, space, open, opened,
    /** The device is done with its nth descriptor. */
    finish(index: number, status = 1, slot = 0) {
      const { completionRecord } = decodeDescriptor(host.fake.descriptors[index] ?? new Uint8Array(64));
      memory.write(Number(completionRecord - RECORDS), encodeCompletionRecord({ status }));
      host.fake.fire(slot);
      host.executor.settle();
    },
  };
}

describe('opening', () => {
  test('binds the function’s PASID to an entry before it is unmasked, and only then enables the queue with it', () => {
    const executor = new Executor();
    const events: TraceEvent[] = [];
    const { opened, fake, device } = machine({ executor, trace: recordTrace(executor, () => 0, (event) => events.push(event)) });
    events.length = 0;
    fake.commands.length = 0;
    const queue = opened();
    const { pasid, valid } = device.iommu;
    expect([valid, fake.ims(queue.slot)]).toEqual([true, { mask: 0, pasidEnable: 1, pasid, data: expect.any(Number) }]);
    expect(fake.mode()).toMatchObject({ dedicated: 1, pasidEnable: 1, pasid, priv: 1 });
    expect(fake.commands).toEqual(['ENABLE_WQ(0)']);
    const seen = events.map(({ to, operation }) => `${to}: ${operation}`).filter((each) => /attach|reset_slot|request_irq|irq_startup/.test(each));
    expect(seen).toEqual(['iommu: attach_device_pasid', 'ims: reset_slot', 'irq: request_irq', 'ims: irq_startup']);
  });

  test('asks for a handle where the function gives them, after the interrupt is requested', () => {
    const { opened, fake } = machine({ profile: DSA_SMALL });
    fake.commands.length = 0;
    opened();
    expect(fake.commands).toEqual(['ENABLE_WQ(0)', `REQUEST_INTERRUPT_HANDLE(${1 << 16})`]);
  });

  test.each<[string, Partial<KernelQueueOptions>, string]>([
    ['a shared queue where there is none', { mode: 'shared' }, 'ENODEV'],
    ['too little room for records', { records: { iova: 0n, memory: bufferMemory(new Uint8Array(0x100)) } }, 'EINVAL'],
    ['records between their places', { records: { iova: 8n, memory: bufferMemory(new Uint8Array(0x1000)) } }, 'EINVAL'],
  ])('I4: with %s fails and leaves nothing', (_name, options, errno) => {
    const { open, counters, driver } = machine();
    const before = counters();
    expect(open(options)).toMatchObject({ errno });
    expect([counters(), driver.mdevs.types[0]?.available()]).toEqual([before, 1]);
  });

  test.each([['ENABLE_WQ', DSA_SPR], ['REQUEST_INTERRUPT_HANDLE', DSA_SMALL]] as const)('I4: where %s fails it is EIO, and leaves nothing', (command, profile) => {
    const { open, counters, fake, driver } = machine({ profile });
    const before = counters();
    fake.errors.set(COMMAND[command], 0x24);
    expect(open()).toMatchObject({ errno: 'EIO', message: expect.stringContaining('0x24') });
    expect([counters(), driver.mdevs.types[0]?.available(), fake.ims(0).mask]).toEqual([before, 1, 1]);
    fake.errors.clear();
    expect(open().ok).toBe(true);
  });

  test('R4, R5: without a PASID of the function, or an IOMMU that has any, fails', () => {
    const made = machine();
    const { space: _none, ...without } = { space: made.space, records: { iova: RECORDS, memory: made.memory } };
    expect(made.run(made.driver.openKernelQueue(without))).toMatchObject({ errno: 'ENODEV' });
    expect(machine({ scalable: false }).open()).toMatchObject({ errno: 'EOPNOTSUPP' });
  });

  test('uses the PASID the function has already, and leaves it there', () => {
    const { run, driver, iommu, device, space, memory, open } = machine({ queues: [DEFAULT_QUEUE, { ...DEFAULT_QUEUE, index: 1, group: 1, engine: 1 }] });
    if (!iommu.attachDevicePasid(space, device).ok) throw new Error('attach');
    expect(open()).toMatchObject({ errno: 'EBUSY' });
    const queue = run(driver.openKernelQueue({ records: { iova: RECORDS, memory } }));
    if (!queue.ok) throw new Error(queue.message);
    run(queue.value.close());
    expect(device.iommu.valid).toBe(true);
  });
});

describe('work', () => {
  test('carries record, interrupt and handle of the queue; whoever submitted it is told in the interrupt’s thread', () => {
    const { opened, run, fake, finish } = machine({ profile: DSA_SMALL });
    const queue = opened();
    const done: (CompletionRecord | null)[] = [];
    expect(run(queue.submit({ opcode: OPCODE.MEMMOVE, source: 1n, destination: 2n, size: 3 }, (record) => done.push(record)))).toMatchObject({ ok: true });
    expect(decodeDescriptor(fake.descriptors[0] ?? new Uint8Array(64))).toMatchObject({
      opcode: OPCODE.MEMMOVE, source: 1n, destination: 2n, size: 3, flags: FLAGS, completionRecord: RECORDS, interruptHandle: HANDLE_OFFSET, pasid: 0,
    });
    expect(fake.submissions).toEqual(['wq 0 unlimited IMS +0:64']);
    fake.fire(0);
    expect([done, queue.pending]).toEqual([[], 1]);
    finish(0, 0x1c);
    expect([done.map((record) => record?.status), queue.pending]).toEqual([[0x1c], 0]);
  });

  test('goes to one slot of the page after the other, and as much of it as the queue has entries', () => {
    const { opened, run, fake, finish } = machine();
    const queue = opened();
    const submit = () => run(queue.submit({ opcode: OPCODE.NOOP }, () => {}));
    expect(Array.from({ length: 17 }, submit).map((each) => each.ok)).toEqual([...Array.from({ length: 16 }, () => true), false]);
    expect(submit()).toMatchObject({ errno: 'EAGAIN' });
    expect(new Set(fake.descriptors.map((bytes) => decodeDescriptor(bytes).completionRecord)).size).toBe(16);
    expect(fake.submissions.map((each) => Number(/\+(\d+)/.exec(each)?.[1]))).toEqual(Array.from({ length: 16 }, (_each, index) => 64 * index));
    finish(3);
    expect([submit().ok, submit().ok]).toEqual([true, false]);
  });

  test('on a shared queue brings the function’s PASID, privileged; one that stays full is EAGAIN, and nobody is told', () => {
    const { opened, run, fake, device } = machine({ queues: [SHARED_QUEUE] });
    const queue = opened({ mode: 'shared' });
    let told = 0;
    const submit = () => run(queue.submit({ opcode: OPCODE.NOOP }, () => { told += 1; }));
    expect(submit().ok).toBe(true);
    expect(decodeDescriptor(fake.descriptors[0] ?? new Uint8Array(64))).toMatchObject({ pasid: device.iommu.pasid, priv: true });
    fake.accepts = false;
    expect([submit(), queue.pending, told]).toMatchObject([{ errno: 'EAGAIN' }, 1, 0]);
    fake.commands.length = 0;
    const { pasid } = device.iommu;
    run(queue.close());
    expect([fake.commands, told]).toEqual([[`DRAIN_PASID(${pasid})`], 1]);
  });

  test('is reported once each, whatever is done in whatever order, as long as an interrupt comes after it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 19 }), { maxLength: 40 }), (order) => {
        const { opened, run, fake, finish } = machine();
        const queue = opened();
        const told = new Map<number, number>();
        let submitted = 0;
        const open = new Set<number>();
        for (const step of order) {
          const [first] = open;
          if (step < 12) {
            const mine = submitted;
            if (!run(queue.submit({ opcode: OPCODE.NOOP }, () => told.set(mine, (told.get(mine) ?? 0) + 1))).ok) continue;
            open.add(mine);
            submitted += 1;
          } else if (first !== undefined) {
            const which = [...open][step % open.size] ?? first;
            open.delete(which);
            finish(which);
          }
        }
        expect([...told.values()].every((count) => count === 1)).toBe(true);
        expect([told.size, queue.pending, fake.descriptors.length]).toEqual([submitted - open.size, open.size, submitted]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('closing', () => {
  test('drains the queue, then gives up interrupt, handle, queue and PASID, in this order; work that is not done is given up', () => {
    const { opened, run, fake, before, driver, counters, device } = machine({ profile: DSA_SMALL });
    const queue = opened();
    const done: (CompletionRecord | null)[] = [];
    run(queue.submit({ opcode: OPCODE.NOOP }, (record) => done.push(record)));
    fake.commands.length = 0;
    run(queue.close());
    run(queue.close());
    expect(fake.commands).toEqual(['DRAIN_WQ(1)', `RELEASE_INTERRUPT_HANDLE(${1 << 16})`, 'RESET_WQ(1)']);
    expect([done, fake.ims(0), device.iommu.valid]).toEqual([[null], { mask: 1, pasidEnable: 0, pasid: 0, data: 0 }, false]);
    expect(run(queue.submit({ opcode: OPCODE.NOOP }, () => {}))).toMatchObject({ errno: 'ENXIO' });
    run(driver.remove());
    expect(counters()).toEqual(before);
  });

  test('what is done by the end of the drain is reported as done', () => {
    const { opened, run, fake, memory } = machine();
    const queue = opened();
    const done: (number | undefined)[] = [];
    run(queue.submit({ opcode: OPCODE.NOOP }, (record) => done.push(record?.status)));
    memory.write(Number(decodeDescriptor(fake.descriptors[0] ?? new Uint8Array(64)).completionRecord - RECORDS), encodeCompletionRecord({ status: 1 }));
    run(queue.close());
    expect(done).toEqual([1]);
  });

  test('happens when the driver goes, beside its virtual devices', () => {
    const { opened, run, before, driver, counters, ...host } = machine({ queues: [DEFAULT_QUEUE, { ...DEFAULT_QUEUE, index: 1, group: 1, engine: 1 }] });
    const guest = addVirtual({ run, fake: host.fake }, driver);
    const queue = opened();
    guest.setIrqs(0, [true, true]);
    expect([guest.virtual.queue.index, queue.queue.index, queue.slot === guest.slot(1)]).toEqual([0, 1, false]);
    expect(host.fake.ims(queue.slot).pasid).not.toBe(host.fake.ims(guest.slot(1)).pasid);
    run(driver.remove());
    host.executor.settle();
    expect(counters()).toEqual(before);
  });

  test('waits for whoever is submitting', () => {
    const { opened, executor, fake } = machine();
    const queue = opened();
    const gate = { open: false };
    const { portals } = fake;
    const { submit } = portals;
    portals.submit = function* (offset: number, descriptor: Uint8Array): Steps<void> {
      yield { kind: 'wait', what: 'the bus', ready: () => gate.open };
      yield* submit(offset, descriptor);
    };
    executor.spawn({ name: 'a', layer: 'test' }, queue.submit({ opcode: OPCODE.NOOP }, () => {}));
    executor.settle();
    fake.commands.length = 0;
    executor.spawn({ name: 'b', layer: 'test' }, queue.close());
    executor.settle();
    expect(fake.commands).toEqual([]);
    gate.open = true;
    executor.settle();
    expect([fake.commands, fake.submissions.length]).toEqual([['DRAIN_WQ(1)', 'RESET_WQ(1)'], 1]);
  });
});
