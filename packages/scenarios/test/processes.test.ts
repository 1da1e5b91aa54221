// Processes of a guest that use a virtual device themselves: each with the addresses of its own, under a PASID of its own.
import { describe, expect, test } from 'vitest';
import { bufferMemory, must } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, DESCRIPTOR_FLAG, OPCODE } from '@siov/datasheet';
import type { CompletionRecord } from '@siov/datasheet';
import { GuestDriver, pollCompletion } from '@siov/guest';
import type { ProcessQueue } from '@siov/guest';
import { AddressSpace } from '@siov/iommu';
import { hostCounters, mediatedMachine } from '../src/index.ts';

const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD;
/** Where every process has its pages: the same address in each. */
const BASE = 0x7f00_0000_0000n;
const SIZE = 0x4000;

function machine(queue: 'dedicated' | 'shared') {
  const { watched, seats: [seat] } = mediatedMachine({ queue, device: { pasid: true } });
  if (seat === undefined) throw new Error('no device');
  const { host } = watched;
  const before = hostCounters(host);
  const guest = seat.start();
  const run = <T>(steps: Steps<T>): T => { const result = host.executor.run(guest.vcpu, steps); host.executor.settle(); return result; };
  const driver = must(run(GuestDriver.probe(guest.core, guest.device, guest.interruptParent, { pasids: guest.first.pasids })), 'probe');
  must(run(driver.enable()), 'Enable Device');
  const [wq] = driver.queues;
  if (wq === undefined) throw new Error('no queue');
  must(run(wq.enable('user')), 'Enable WQ');
  /** A process whose pages are at `physical` of the guest's memory, filled with `byte`. */
  const process = (name: string, physical: number, byte: number) => {
    const pages = guest.memory.subarray(physical, physical + SIZE);
    pages.fill(byte, 0x1000, 0x2000);
    const mm = new AddressSpace(host.state, name);
    must(mm.map({ iova: BASE, size: BigInt(SIZE), readable: true, writable: true, memory: bufferMemory(pages) }), 'its pages');
    return { mm, pages };
  };
  return { host, before, guest, seat, run, driver, wq, process };
}

/** Copies the process' second page to its third. */
const COPY = { opcode: OPCODE.MEMMOVE, flags: FLAGS, source: BASE + 0x1000n, destination: BASE + 0x2000n, size: 4096, completionRecord: BASE };

/** Submits, and looks at the record until there is one. */
function* work(queue: ProcessQueue, pages: Uint8Array, descriptor: Parameters<ProcessQueue['submit']>[0] = COPY): Steps<CompletionRecord> {
  pages.fill(0, 0, 32);
  must(yield* queue.submit(descriptor), 'submitting');
  return yield* pollCompletion(bufferMemory(pages), 0);
}

describe.each(['shared', 'dedicated'] as const)('a %s queue', (queue) => {
  test('the process’ addresses are what the device works with, and nobody else’s', () => {
    const { before, host, guest, seat, run, driver, wq, process } = machine(queue);
    const mine = process('mine', 0x10_0000, 0xa1);
    const other = process('other', 0x20_0000, 0xb2);
    const opened = must(run(wq.openProcess(mine.mm)), 'opening');
    expect(run(work(opened, mine.pages)).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect([mine.pages.subarray(0x2000, 0x3000).every((byte) => byte === 0xa1), other.pages[0x2000]]).toEqual([true, 0]);
    // What the process has not mapped is a fault of its own.
    expect(run(work(opened, mine.pages, { ...COPY, source: BASE + BigInt(SIZE) })).status).not.toBe(COMPLETION_STATUS.SUCCESS);
    must(run(opened.close()), 'closing');
    expect(run(opened.submit(COPY))).toMatchObject({ ok: false, errno: 'ENXIO' });
    // The next process has the queue, and its own addresses.
    const next = must(run(wq.openProcess(other.mm)), 'opening');
    expect([run(work(next, other.pages)).status, other.pages[0x2fff]]).toEqual([COMPLETION_STATUS.SUCCESS, 0xb2]);
    must(run(next.close()), 'closing');
    must(run(driver.remove()), 'removing');
    host.executor.run({ name: 'QM', layer: 'vmm' }, guest.vmm.unrealize());
    host.executor.run({ name: 'QM', layer: 'vmm' }, seat.vfio.release());
    host.executor.settle();
    expect(hostCounters(host)).toEqual(before);
  });
});

test('two processes on one shared queue at once: each under its PASID', () => {
  const { run, wq, process } = machine('shared');
  const [a, b] = [process('a', 0x10_0000, 1), process('b', 0x20_0000, 2)];
  const [of, and] = [must(run(wq.openProcess(a.mm)), 'opening'), must(run(wq.openProcess(b.mm)), 'opening')];
  expect(of.pasid).not.toBe(and.pasid);
  const records = run((function* () {
    for (const each of [of, and]) must(yield* each.submit(COPY), 'submitting');
    return [yield* pollCompletion(bufferMemory(a.pages), 0), yield* pollCompletion(bufferMemory(b.pages), 0)];
  })());
  expect(records.map(({ status }) => status)).toEqual([COMPLETION_STATUS.SUCCESS, COMPLETION_STATUS.SUCCESS]);
  for (const [{ pages }, byte] of [[a, 1], [b, 2]] as const) {
    expect(pages.subarray(0x2000, 0x3000).every((each) => each === byte)).toBe(true);
  }
});
