// d11: the PASID of a vector that is set up changes at its next set-up, and not before.
import { expect, test } from 'vitest';
import { must } from '@siov/base';
import type { Steps } from '@siov/base';
import { decodeCompletionRecord, DESCRIPTOR_FLAG, Msixperm, MSIXPERM_SIZE, OPCODE } from '@siov/datasheet';
import { GuestDriver } from '@siov/guest';
import { AddressSpace } from '@siov/iommu';
import { InvariantWatch, mediatedMachine } from '../src/index.ts';

const [MSIXPERM, VECTOR_CONTROL] = [0x200, 0x201c];
const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;

test.each([['dynamic', true], ['incremental', true], ['dynamic', false]] as const)('d11: with the VMM policy %s, KVM %s, a new PASID counts from the next set-up on, and the slot of the old one is wiped', (vmm, irqfd) => {
  const { watched, seats: [seat] } = mediatedMachine({ vmm, irqfd, device: { pasid: true } });
  if (seat === undefined) throw new Error('no device');
  const { host } = watched;
  const guest = seat.start();
  const watch = new InvariantWatch(watched);
  const run = <T>(steps: Steps<T>): T => watch.run(host.executor, guest.vcpu, steps);
  const { pasids } = guest.first;
  const driver = must(run(GuestDriver.probe(guest.core, guest.device, guest.interruptParent, { pasids })), 'probe');
  must(run(driver.enable()), 'Enable Device');
  const [queue] = driver.queues;
  if (queue === undefined) throw new Error('no queue');
  must(run(queue.enable()), 'Enable WQ');
  const process = new AddressSpace(host.state, 'process');
  const other = must(run(pasids.bindProcess(process)), 'another PASID');
  const entry = () => host.silicon.imsEntry(must(seat.virtual.triggers.hwirq(1), 'an entry')).pasid;
  const first = entry();
  const write = (offset: number, value: number) => run(guest.vmm.region(0).write(offset, 4, value));

  // Stored while the vector is open: nothing of it changes, and the device goes on comparing with the first.
  write(MSIXPERM + MSIXPERM_SIZE, Msixperm.of({ pasidEnable: 1, pasid: other.pasid }));
  expect(entry()).toBe(first);
  const submit = () => {
    const before = queue.interrupts;
    must(run(queue.submit({ opcode: OPCODE.NOOP, flags: FLAGS, completionRecord: 0x1000n, interruptHandle: queue.handle })), 'submitting');
    return [decodeCompletionRecord(guest.memory.subarray(0x1000, 0x1020)).status, queue.interrupts - before];
  };
  expect(submit()).toEqual([1, 1]);

  // Masked and unmasked: the VMM sets it up anew, and the kernel's descriptors no longer have its interrupt.
  write(VECTOR_CONTROL, 1);
  write(VECTOR_CONTROL, 0);
  const behind = host.iommu.dump().sets.flatMap(({ members }) => members).find(({ spid }) => spid === other.pasid)?.pasid;
  expect([entry() === first, entry()]).toEqual([false, behind]);
  expect(submit()[1]).toBe(0);
  expect(watch.verdicts().filter(({ violations }) => violations.length > 0)).toEqual([]);
});
