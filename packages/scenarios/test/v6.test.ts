// The design that the review refuted, and what comes of it: O1 to O5. Each is then tried on the review's own design, with the
// same guest, VMM and device.
import { describe, expect, test } from 'vitest';
import { must, ok } from '@siov/base';
import type { Steps } from '@siov/base';
import { decodeCompletionRecord, DESCRIPTOR_FLAG, Msixperm, MSIXPERM_SIZE, OPCODE, statusName } from '@siov/datasheet';
import { GuestDriver } from '@siov/guest';
import type { GuestWorkQueue, PermissionBackend } from '@siov/guest';
import { deviceMsi, freeIrq, requestIrq } from '@siov/irq';
import type { IrqCore } from '@siov/irq';
import { InvariantWatch, mediatedMachine, V6Machine } from '../src/index.ts';
import type { GuestMachine } from '../src/index.ts';

const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;

/** Another vCPU of the guest submits a copy that names the interrupt's handle. */
function* submit({ queue }: { readonly queue: GuestWorkQueue }): Steps<void> {
  must(yield* queue.submit({ opcode: OPCODE.MEMMOVE, flags: FLAGS, source: 0x2000n, destination: 0x3000n, size: 64, completionRecord: 0x1000n, interruptHandle: queue.handle }), 'submitting');
}

const status = ({ guest }: { readonly guest: GuestMachine }) => statusName(decodeCompletionRecord(guest.memory.subarray(0x1000, 0x1020)).status);

const broken = (machine: { readonly watch: InvariantWatch }) => machine.watch.verdicts().filter(({ violations }) => violations.length > 0).map(({ invariant }) => invariant);

describe('v6', () => {
  test('R14, R21: O1: in the window an interrupt meant for the guest’s PASID is authorised by the device’s default one', () => {
    const machine = new V6Machine({ queuePasid: false });
    must(machine.run(machine.requestFirst()), 'up to request_irq()');
    const { pasids } = machine;
    expect([machine.entry().pasid, machine.entry().mask]).toEqual([pasids.default, false]);
    // The queue has the default PASID: another client of the device.
    machine.run(submit(machine));
    expect([machine.queue.interrupts, status(machine)]).toEqual([1, 'SUCCESS']);
    expect(machine.watch.verdicts().find(({ invariant }) => invariant === 'I3')?.violations).toEqual([expect.stringContaining(`no descriptor of PASID ${pasids.host}`)]);
    // The window closes, and what was authorised is refused.
    machine.run(machine.thenPermit());
    machine.guest.memory.fill(0, 0x1000, 0x1020);
    machine.run(submit(machine));
    expect(machine.queue.interrupts).toBe(1);
  });

  test('R14, R21: O2: in the window the guest’s own descriptor is refused, and its interrupt never comes', () => {
    const machine = new V6Machine();
    must(machine.run(machine.requestFirst()), 'up to request_irq()');
    machine.run(submit(machine));
    expect(machine.queue.interrupts).toBe(0);
    expect(status(machine)).not.toBe('SUCCESS');
    machine.run(machine.thenPermit());
    expect([machine.entry().pasid, machine.queue.interrupts]).toEqual([machine.pasids.host, 0]);
    machine.run(submit(machine));
    expect(machine.queue.interrupts).toBe(1);
  });

  test('R14: O3: when the guest’s PASID is unknown the write has no way to fail, and the entry stays with the default one', () => {
    const machine = new V6Machine();
    must(machine.run(machine.requestFirst()), 'up to request_irq()');
    machine.run(machine.thenPermit(1, 0x777));
    expect(machine.device.errors).toEqual([expect.stringContaining('MSIXPERM[1]')]);
    expect([machine.entry().pasid, machine.entry().mask]).toEqual([machine.pasids.default, false]);
  });

  test.each(['incremental', 'highest-unmasked'] as const)('R14: O4: one vector more, with the VMM policy %s, and the entry is back at the default PASID; nothing is timed', (vmm) => {
    const machine = new V6Machine({ vmm, vectors: 3 });
    must(machine.run(machine.requestFirst()), 'up to request_irq()');
    machine.run(machine.thenPermit());
    expect(machine.entry().pasid).toBe(machine.pasids.host);
    const { core, device } = machine.guest;
    must(machine.run(requestIrq(core, deviceMsi(device)?.virq(2) ?? 0, { name: 'second', devId: 2, handler: () => 'handled' })), 'a second vector');
    expect([machine.entry().pasid, machine.entry().mask]).toEqual([machine.pasids.default, false]);
    machine.run(submit(machine));
    expect(machine.queue.interrupts).toBe(0);
    expect(broken(machine)).toContain('I7');
  });

  test('R14: O5: free_irq() returns with the PASID in the entry, until a second call that may not come', () => {
    const machine = new V6Machine();
    must(machine.run(machine.requestFirst()), 'up to request_irq()');
    machine.run(machine.thenPermit());
    const { host } = machine.watched;
    const slot = must(machine.device.virtual.triggers.hwirq(1), 'an entry');
    host.executor.run(QM, freeVector1(host.core));
    expect(host.silicon.imsEntry(slot)).toMatchObject({ mask: true, pasidEnable: true, pasid: machine.pasids.host });
    machine.watch.look('rest');
    expect(broken(machine)).toContain('I6');
  });
});

const QM = { name: 'QM', layer: 'vfio-mdev' };

/** free_irq() of the interrupt behind vector 1, and nothing else of what a helper does. */
function freeVector1(core: IrqCore): Steps<unknown> {
  const found = core.descs().find(({ state }) => state.actions[0]?.name.startsWith('vfio-msix[1]') === true);
  return freeIrq(core, found?.virq ?? 0, found?.state.actions[0]?.devId);
}

/** The review's design with the same guest, VMM and device, up to where the guest's request_irq() has returned. */
function review({ vmm = 'dynamic' as const, vectors = 2, queuePasid = true, permits }: { vmm?: 'dynamic' | 'incremental' | 'highest-unmasked'; vectors?: number; queuePasid?: boolean; permits?: number } = {}) {
  const { watched, seats } = mediatedMachine({ vmm, vectors, device: { pasid: true } });
  const [seat] = seats;
  if (seat === undefined) throw new Error('no device');
  const { host } = watched;
  const guest = seat.start();
  const watch = new InvariantWatch(watched);
  const run = <T>(steps: Steps<T>): T => watch.run(host.executor, guest.vcpu, steps);
  const { core, device, interruptParent, first } = guest;
  const own = queuePasid ? null : must(run(first.pasids.system()), 'the guest’s PASID');
  // Before the interrupt is requested, as the API has it: of the queue's PASID, or of another one of the guest's.
  const permissions: PermissionBackend = {
    *grant({ function: function_, msixperm, virqs }, vector, binding) {
      yield* function_.write(Msixperm, Msixperm.of({ pasidEnable: 1, pasid: permits ?? binding?.pasid ?? own?.pasid ?? 0 }), msixperm + vector * MSIXPERM_SIZE);
      return ok({ virq: virqs[vector] ?? 0, entry: { index: vector, ims: false } });
    },
    *revoke() {},
  };
  const driver = must(run(GuestDriver.probe(core, device, interruptParent, { permissions, ...(queuePasid ? { pasids: first.pasids } : {}) })), 'probe');
  must(run(driver.enable()), 'Enable Device');
  const [queue] = driver.queues;
  if (queue === undefined) throw new Error('no queue');
  const enabled = run(queue.enable());
  const { device: mdev, triggers } = seat.virtual;
  const hostPasid = 1 + mdev.iommu.pasid;
  const entry = () => host.silicon.imsEntry(must(triggers.hwirq(1), 'an entry'));
  return { host, guest, watch, run, queue, enabled, triggers, entry, pasids: { default: mdev.iommu.pasid, host: hostPasid } };
}

describe('the review’s design', () => {
  test('R15, R21: no O1: from the first moment on the device’s default PASID authorises nothing', () => {
    const machine = review({ queuePasid: false });
    expect([machine.enabled, machine.entry().pasid, machine.entry().mask]).toEqual([ok(), machine.pasids.host, false]);
    machine.run(submit(machine));
    expect([machine.queue.interrupts, broken(machine)]).toEqual([0, []]);
  });

  test('R15, R21: no O2: from the first moment on the guest’s own descriptor has its interrupt', () => {
    const machine = review();
    machine.run(submit(machine));
    expect([machine.queue.interrupts, status(machine), machine.entry().pasid, broken(machine)]).toEqual([1, 'SUCCESS', machine.pasids.host, []]);
  });

  test('no O3: where the guest’s PASID is unknown there is no interrupt, and no entry holds another PASID', () => {
    const machine = review({ permits: 0x777 });
    expect(machine.enabled).toMatchObject({ ok: false });
    expect(machine.guest.vmm.errors).toEqual([expect.stringContaining('ENXIO')]);
    expect([machine.triggers.hwirq(1).ok, machine.host.silicon.imsEntry(0).pasidEnable, broken(machine)]).toEqual([false, false, []]);
  });

  test.each(['incremental', 'highest-unmasked', 'dynamic'] as const)('R15, R17: no O4: one vector more, with the VMM policy %s, and the entry holds what it held', (vmm) => {
    const machine = review({ vmm, vectors: 3 });
    const slot = must(machine.triggers.hwirq(1), 'an entry');
    const { core, device } = machine.guest;
    must(machine.run(requestIrq(core, deviceMsi(device)?.virq(2) ?? 0, { name: 'second', devId: 2, handler: () => 'handled' })), 'a second vector');
    expect([machine.entry().pasid, machine.triggers.hwirq(1)]).toEqual([machine.pasids.host, ok(slot)]);
    machine.run(submit(machine));
    expect([machine.queue.interrupts, broken(machine)]).toEqual([1, []]);
  });

  test('R23: no O5: free_irq() returns with the entry masked and wiped', () => {
    const machine = review();
    const slot = must(machine.triggers.hwirq(1), 'an entry');
    machine.host.executor.run(QM, freeVector1(machine.host.core));
    expect(machine.host.silicon.imsEntry(slot)).toMatchObject({ mask: true, pasidEnable: false, pasid: 0 });
  });
});
