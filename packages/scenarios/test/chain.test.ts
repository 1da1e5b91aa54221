// The review's flow b, from the guest's request_irq() to the entry in the device and back (docs/chain.md), and what the
// review demands of it, read off the trace.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { must } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { DSA_SMALL } from '@siov/datasheet';
import { PagingDomain } from '@siov/iommu';
import { procInterrupts } from '@siov/irq';
import { alongLayers, runMdevFlow } from '../src/index.ts';
import { declaredLayers } from './declared-layers.ts';
import { attach, bind, copy, flow, line, machine, watched } from './machine.ts';

const whole = () => {
  const made = machine();
  const { guest, vcpu } = attach(made);
  made.host.executor.run(vcpu, flow(guest, [64, 4096]));
  made.host.executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.release());
  made.host.executor.settle();
  return made;
};

/** The crossings of the guest's request of its queue's interrupt: from it to the guest's next one. */
function request(events: readonly TraceEvent[]): TraceEvent[] {
  const start = events.findIndex(({ to, operation, values }) => to === 'irq' && operation === 'request_irq' && values['name'] === 'idxd-portal');
  const end = events.findIndex(({ values }, index) => index > start && values['register'] === 'CMD');
  return events.slice(start, end);
}

describe('request_irq() in the guest', () => {
  test('R8: unmasks, traps, becomes SET_IRQS, the trigger helper, the MSI domain, the IMS chip, the entry: all in the vCPU', () => {
    const { events } = whole();
    const steps = request(events);
    const chain = [
      'VC0: guest > irq request_irq', 'VC0: irq > vmm guest_write', 'VC0/host: vmm > vfio SET_IRQS', 'VC0/host: vfio > idxd set_irqs',
      'VC0/host: idxd > vfio-mdev set_trigger', 'VC0/host: vfio-mdev > irq msi_domain_alloc_irq', 'VC0/host: irq > ims reset_slot', 'VC0/host: ims > hw write32',
      'VC0/host: vfio-mdev > irq request_irq', 'VC0/host: irq > ims irq_write_msi_msg', 'VC0/host: ims > hw write32', 'VC0/host: irq > ims irq_startup',
      'VC0/host: ims > hw write32',
    ];
    let at = 0;
    for (const each of steps.map(line)) if (each === chain[at]) at += 1;
    expect(chain.slice(at)).toEqual([]);
    expect(new Set(steps.map(({ agent }) => agent))).toEqual(new Set(['VC0', 'VC0/host']));
  });

  test('takes the steps b8 to b13 in their order, and they end inside the trap of the unmasking write', () => {
    const { events } = whole();
    const steps = request(events);
    // b8: message dwords first, while the entry is masked; nothing of them reaches the host.
    const offsets = steps.filter(({ operation }) => operation === 'guest_write').map(({ values }) => Number(values['offset']) - 0x2010);
    // Written by activation, and again for the affinity before the unmask.
    expect(offsets.slice(0, 7)).toEqual([0, 4, 8, 0, 4, 8, 12]);
    const unmask = steps.findIndex(({ operation, values }) => operation === 'guest_write' && values['offset'] === 0x201c);
    expect(steps.slice(0, unmask).every(({ to }) => ['irq', 'vmm'].includes(to))).toBe(true);
    // b9 SET_IRQS, b10 slot reset and masked, b11 message, then the id together with the unmask.
    const writes = steps.slice(unmask).filter(({ to, operation }) => to === 'hw' && operation.startsWith('write')).map(({ values }) => `${values['register']} = ${Number(values['value'])}`);
    expect(writes[0]).toBe('IMS[0].CONTROL = 1');
    expect(writes.slice(1, 4).map((each) => each.split(' ')[0])).toEqual(['IMS[0].ADDRESS_LO', 'IMS[0].ADDRESS_HI', 'IMS[0].DATA']);
    expect(writes.slice(4).map((each) => each.split(' ')[0])).toEqual(['IMS[0].ADDRESS_LO', 'IMS[0].ADDRESS_HI', 'IMS[0].DATA', 'IMS[0].CONTROL']);
    expect(writes.at(-1)).toBe(`IMS[0].CONTROL = ${(1 << 12) | 8}`);
    // b13 comes after: the handle is asked for when the interrupt is there.
    const next = events.find((event, index) => index > events.indexOf(steps.at(-1) as TraceEvent) && event.values['register'] === 'CMD');
    expect([next?.from, (Number(next?.values['value']) >>> 20) & 0x1f]).toEqual(['vfio', 13]);
  });

  test('R16: comes after the device got its PASID', () => {
    const { events } = whole();
    const [attached, allocated] = ['attach_device_pasid', 'msi_domain_alloc_irq'].map((name) =>
      events.findIndex(({ operation, values }) => operation === name && (values['device'] === 'dsa0-mdev0')));
    expect(attached).toBeGreaterThanOrEqual(0);
    expect(allocated).toBeGreaterThan(attached ?? 0);
  });

  test('R10: programs the id that the device has when the vector is unmasked, wherever it came from', () => {
    const made = machine();
    const { iommu, silicon } = made.host;
    const { device } = made.virtual;
    const space = new PagingDomain(made.host.state, 'other');
    must(iommu.detachDevicePasid(device), 'nothing holds it yet');
    const busy = iommu.attachDevicePasid(space, made.host.device);
    const again = iommu.attachDevicePasid(space, device);
    bind(made);
    expect([busy.ok && busy.value.pasid, again.ok && again.value.pasid, silicon.imsEntry(0).pasid, silicon.imsEntry(0).pasidEnable]).toEqual([1, 2, 2, true]);
  });
});

describe('the host', () => {
  test('R12: has one action for the vector behind the message store, named after the mdev, and none for vector 0', () => {
    const made = machine();
    const before = procInterrupts(made.host.core).length;
    bind(made);
    const rows = procInterrupts(made.host.core);
    expect(rows.slice(before).map(({ chip, hwirq, actions }) => [chip, hwirq, actions])).toEqual([['IR-IMS-dsa0', 0, ['vfio-msix[1](dsa0-mdev0)']]]);
    expect(rows.some(({ actions }) => actions.some((each) => each.includes('vfio-msix[0]')))).toBe(false);
  });

  test('R9, R13, I2: has one writer of the message store, layer ims, and each control write is reset, startup or shutdown', () => {
    const { events } = whole();
    const writes = events.map((event, index) => ({ event, index })).filter(({ event }) => event.to === 'hw' && event.operation.startsWith('write') && String(event.values['register']).startsWith('IMS['));
    expect(writes.length).toBeGreaterThan(8);
    expect(new Set(writes.map(({ event }) => event.from))).toEqual(new Set(['ims']));
    const control = writes.filter(({ event }) => String(event.values['register']).endsWith('CONTROL'));
    const into = control.map(({ index }) => events.slice(0, index).findLast(({ to }) => to === 'ims')?.operation);
    expect(new Set(into)).toEqual(new Set(['reset_slot', 'irq_startup', 'irq_shutdown']));
  });

  test('R22, I12: crosses layers only along an edge of the declaration, or back along one', () => {
    expect(alongLayers(whole().events, declaredLayers())).toEqual([]);
  });

  test('I1, I6: at no moment of the flow is an entry unmasked without its started action and the device’s id, and it ends wiped', () => {
    const made = machine();
    const { host, virtual } = made;
    const { guest, vcpu } = attach(made);
    let unmasked = 0;
    const look = () => {
      const entry = host.silicon.imsEntry(0);
      if (entry.mask) return;
      unmasked += 1;
      expect([entry.pasidEnable, entry.pasid]).toEqual([true, virtual.device.iommu.pasid]);
      const row = host.core.descs().find(({ state }) => state.data?.domain.name === 'IR-IMS-dsa0' && state.data.hwirq === 0);
      // Under its lock a descriptor is between two states.
      if (row === undefined || row.lock.held) return;
      expect([row.state.actions.length, row.state.activated, row.state.started]).toEqual([1, true, true]);
    };
    host.executor.run(vcpu, watched(flow(guest, [64]), look));
    expect(unmasked).toBeGreaterThan(10);
    expect(host.silicon.imsEntry(0)).toEqual({ address: 0xfee00000n, data: 0, mask: true, pending: false, ignore: false, pasidEnable: false, pasid: 0 });
  });

  test('R23, I6: when free_irq has returned in the guest and the handle is released, the entry is masked and without id', () => {
    const made = machine();
    const { queue, vcpu } = bind(made);
    expect(made.counters()).toMatchObject({ slots: 1, liveEntries: 1 });
    made.host.executor.run(vcpu, queue.disable());
    expect(made.counters()).toMatchObject({ slots: 0, liveEntries: 0 });
  });
});

describe('a run', () => {
  test.each([1, 2, 63, 64, 65, 4095, 4096, 4097, 65536, 1 << 20, 2 << 20])('copies %i bytes with one interrupt', (size) => {
    const { copies, completionInterrupts, softwareErrors, before, after } = runMdevFlow({ copies: [size], looks: 'rest' });
    expect([copies, completionInterrupts, softwareErrors]).toEqual([{ count: 1, bytes: size }, 1, 0]);
    expect(after).toEqual(before);
  });

  test('copies any sizes in any order, and the host holds afterwards what it held before', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 8 }), fc.boolean(), (copies, small) => {
        const run = runMdevFlow({ copies, looks: 'rest', ...(small ? { profile: DSA_SMALL } : {}) });
        expect([run.completionInterrupts, run.softwareErrors]).toEqual([copies.length, 0]);
        expect(run.after).toEqual(run.before);
      }),
      { numRuns: 25 },
    );
  });

  test('refuses sizes that are none, and passes on what the device says of those above its limit', () => {
    expect(() => runMdevFlow({ copies: [0] })).toThrow('EINVAL');
    expect(() => runMdevFlow({ copies: [(2 << 20) + 1] })).toThrow('EIO');
  });

  test('of two guests, one after the other, leaves the second all that the first had', () => {
    const made = machine();
    const before = made.counters();
    for (let count = 0; count < 2; count++) {
      const { queue, guest, vcpu, driver } = bind(made);
      made.host.executor.run(vcpu, copy(guest, queue, 100));
      expect(driver.function.softwareErrors).toBe(0);
      made.host.executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.release());
      made.host.executor.settle();
      expect(made.counters()).toEqual(before);
      // Released again is harmless.
      made.host.executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.release());
      expect(made.counters()).toEqual(before);
    }
  });
});
