// Who may use which entry of the message store: guests that name what is not theirs, devices without a PASID, and the mode
// without the check.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { must, plainState } from '@siov/base';
import { CMDSTATUS, COMMAND, DESCRIPTOR_FLAG, OPCODE } from '@siov/datasheet';
import { Device } from '@siov/device';
import { PagingDomain } from '@siov/iommu';
import { attachIms, imsOf } from '@siov/ims';
import { freeIrq, requestIrq } from '@siov/irq';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import { attach, bind, bindOn, copy, machine, RECORD, record } from './machine.ts';
import type { Machine } from './machine.ts';

const { COMPLETION_RECORD_ADDRESS_VALID, REQUEST_COMPLETION_RECORD, REQUEST_COMPLETION_INTERRUPT } = DESCRIPTOR_FLAG;
const FLAGS = COMPLETION_RECORD_ADDRESS_VALID | REQUEST_COMPLETION_RECORD | REQUEST_COMPLETION_INTERRUPT;
const HK = { name: 'HK', layer: 'scenarios' };

/** Another owner of an entry of the same store, with a PASID of its own, and the interrupts it took. */
function neighbour({ host }: Machine) {
  const domain = imsOf(host.device)?.domain;
  if (domain === undefined) throw new Error('no IMS domain');
  const device = new Device('neighbour', { state: plainState, parent: host.device });
  must(host.iommu.probeDevice(device), 'probing');
  const witness = must(host.iommu.attachDevicePasid(new PagingDomain(plainState, 'neighbour'), device), 'PASID');
  const msi = must(attachIms(host.core, device, domain), 'domain');
  const taken: number[] = [];
  const { hwirq, virq } = must(host.executor.run(HK, msi.allocIrqAt(0, witness)), 'slot');
  must(host.executor.run(HK, requestIrq(host.core, virq, { name: 'neighbour', devId: taken, handler() { taken.push(hwirq); return 'handled'; } })), 'request_irq');
  function leave(): void {
    host.executor.run(HK, freeIrq(host.core, virq, taken));
    must(host.executor.run(HK, msi.freeIrqsAll()), 'free');
    must(host.iommu.detachDevicePasid(device), 'detach');
  }
  return { hwirq, pasid: witness.pasid, taken, leave };
}

describe('a descriptor that names an entry that is not the guest’s', () => {
  test('of another owner ends with status 0x19 and writes nothing; neither of the two gets an interrupt', () => {
    const made = machine();
    const other = neighbour(made);
    const { guest, queue, vcpu } = bind(made);
    guest.memory.fill(0xab, 0x10000, 0x10040);
    const misuse = queue.submit({ opcode: OPCODE.MEMMOVE, flags: FLAGS, source: 0x10000n, destination: 0x80000n, size: 64, completionRecord: BigInt(RECORD), interruptHandle: other.hwirq });
    made.host.executor.run(vcpu, misuse);
    made.host.executor.settle();
    expect([record(guest).status, other.taken, queue.interrupts, guest.memory[0x80000]]).toEqual([0x19, [], 0, 0]);
    // The host hears of it: SWERROR is the function's.
    expect(made.driver.physical.softwareErrors).toBe(1);
    made.host.executor.run(vcpu, copy(guest, queue, 64));
    expect([record(guest).status, queue.interrupts]).toEqual([1, 1]);
    other.leave();
  });

  test('R3: no handle but its own gets the guest an interrupt, or anybody', () => {
    const made = machine();
    const other = neighbour(made);
    const { guest, queue, vcpu, driver } = bind(made);
    const status = made.host.executor.run(vcpu, driver.function.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1));
    const own = CMDSTATUS.result.get(status);
    fc.assert(
      fc.property(fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: 0xffff })), fc.nat({ max: 0xfffff }), (interruptHandle, pasid) => {
        const before = queue.interrupts;
        // The PASID in a descriptor to a dedicated queue is not looked at: the queue's counts.
        made.host.executor.run(vcpu, queue.submit({ opcode: OPCODE.NOOP, flags: FLAGS, completionRecord: BigInt(RECORD), interruptHandle, pasid }));
        made.host.executor.settle();
        const mine = interruptHandle === own;
        expect([record(guest).status, queue.interrupts - before, other.taken]).toEqual([mine ? 1 : 0x19, mine ? 1 : 0, []]);
      }),
      { numRuns: 60, examples: [[own, other.pasid], [other.hwirq, other.pasid]] },
    );
  });

  test('of its own, once released, ends with 0x19', () => {
    const made = machine();
    const { guest, queue, vcpu, driver } = bind(made);
    made.host.executor.run(vcpu, driver.function.polledCommand(COMMAND.RELEASE_INTERRUPT_HANDLE, 0));
    made.host.executor.run(vcpu, queue.copy(0x10000n, 0x80000n, 1, BigInt(RECORD)));
    made.host.executor.settle();
    expect([record(guest).status, queue.interrupts]).toEqual([0x19, 0]);
  });
});

describe('a device without a PASID', () => {
  test('R5, R6, R24: SET_IRQS for its queue’s vector fails with EINVAL, nothing is held, and the eventfd is closed', () => {
    const made = machine();
    const { host, vfio, virtual } = made;
    host.iommu.detachDevicePasid(virtual.device);
    const before = made.counters();
    const closed: string[] = [];
    const fd = (name: string) => ({ name, signal() {}, close: () => { closed.push(name); } });
    const set = { index: VFIO_PCI_IRQ.MSIX, start: 0, count: 2, action: 'trigger', data: { kind: 'eventfd', fds: [fd('v0'), fd('v1')] } } as const;
    expect(host.executor.run({ name: 'VC0/host', layer: 'vmm' }, vfio.setIrqs(set))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('has no PASID') });
    expect([made.counters(), closed.sort()]).toEqual([before, ['v0', 'v1']]);
  });

  test('is a dead vector to the guest, and the VMM says why; every layer gives the one reason', () => {
    const made = machine();
    made.host.iommu.detachDevicePasid(made.virtual.device);
    const attached = attach(made);
    const { guest } = attached;
    expect(() => bindOn(attached)).toThrow('0x26');
    expect(guest.vmm.errors).toEqual([]);
    const { vmm } = guest;
    made.host.executor.run({ name: 'VC0', layer: 'guest' }, vmm.region(0).write(0x201c, 4, 0));
    expect(vmm.errors).toEqual([expect.stringMatching(/^SET_IRQS 1\+1: -EINVAL: dsa0-mdev0 has no PASID/)]);
    expect(made.counters()).toMatchObject({ slots: 0, liveEntries: 0 });
  });
});

test('R2, R3: an entry with its check switched off is no way round it: the silicon then serves submitters without PASID only, and no guest is one', () => {
  const made = machine();
  const { guest, queue, vcpu } = bind(made);
  const { silicon } = made.host;
  const { bar0 } = silicon;
  const control = 0x4000 + 12;
  const checked = made.host.executor.run(HK, bar0.read(control, 4));
  const submit = () => {
    const before = queue.interrupts;
    made.host.executor.run(vcpu, queue.submit({ opcode: OPCODE.NOOP, flags: FLAGS, completionRecord: BigInt(RECORD), interruptHandle: 0 }));
    made.host.executor.settle();
    return [record(guest).status, queue.interrupts - before];
  };
  // By hand: no chip of a validating domain ever writes this.
  made.host.executor.run(HK, bar0.write(control, 4, 0));
  expect([silicon.imsEntry(0).pasidEnable, ...submit()]).toEqual([false, 0x19, 0]);
  made.host.executor.run(HK, bar0.write(control, 4, checked));
  expect(submit()).toEqual([1, 1]);
});
