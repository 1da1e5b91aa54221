import { describe, expect, test } from 'vitest';
import { must, ok } from '@siov/base';
import * as irq from '@siov/irq';
import { disableIrqNosync, enableIrq, freeIrq, IrqDomain, requestThreadedIrq } from '@siov/irq';
import type { MsiAllocInfo } from '@siov/irq';
import * as ims from '../src/index.ts';
import { makeHost, makeMachine, VARIANTS } from './host.ts';
import { FakeIommu } from './iommu.ts';
import { allocate, EMPTY, fire, request, tryAllocate, tryRequest } from './use.ts';

describe.each(VARIANTS)('starting and stopping: %s', (variant) => {
  test('R11: after request_irq the entry is unmasked with its id and message, and its interrupt is handled, whenever the id was written', () => {
    const host = makeHost(variant);
    const { virq, hwirq } = allocate(host, host.mdev(0xabcde));
    expect(host.store.entry(hwirq)).toEqual(variant.program === 'startup' ? EMPTY : { ...EMPTY, pasidEnable: 1, pasid: 0xabcde });
    const handled = request(host, virq);
    expect(host.store.entry(hwirq)).toMatchObject({ mask: 0, pending: 0, pasidEnable: 1, pasid: 0xabcde });
    expect([null, 0xabcdf, 0xabcde].map((pasid) => fire(host, hwirq, pasid))).toEqual([false, false, true]);
    expect(handled).toEqual(['me']);
  });

  test('R10, R15: PASID and unmask become visible in one write, and the message was there before', () => {
    const host = makeHost(variant);
    const { virq } = allocate(host, host.mdev(0xabcde));
    host.controlWrites.length = 0;
    request(host, virq);
    expect(host.controlWrites).toEqual([{ slot: 0, value: 0xabcde008, layer: 'ims', operation: 'irq_startup' }]);
    const crossings = host.events.filter(({ to }) => to === 'ims').map(({ operation }) => operation).filter((each) => !each.startsWith('irq_bus'));
    // The message once when activated, and once more for the affinity.
    expect(crossings).toEqual(['reset_slot', ...(variant.program === 'allocation' ? ['program_slot'] : []), 'irq_write_msi_msg', 'irq_write_msi_msg', 'irq_startup']);
  });

  test('R10, R13: which PASID counts when the device’s changed between allocation and start-up, with no call but request_irq', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    const detached = mdev.iommu.detach();
    // An entry that has it already holds it: management refuses, and nothing changes.
    expect(detached).toBe(variant.program === 'startup');
    if (detached) mdev.iommu.attach(6);
    host.controlWrites.length = 0;
    const asked = tryRequest(host, virq);
    if (detached && variant.id === 'cookie') {
      // The witness it was allocated with is of a PASID that is gone.
      expect(asked).toMatchObject({ errno: 'EINVAL' });
      expect([host.store.entry(hwirq), host.controlWrites]).toEqual([EMPTY, []]);
    } else {
      expect(asked).toMatchObject({ ok: true });
      expect(host.store.entry(hwirq)).toMatchObject({ mask: 0, pasidEnable: 1, pasid: detached ? 6 : 5 });
      expect(host.controlWrites.map(({ layer }) => layer)).toEqual(['ims']);
    }
  });

  test('R23: after free_irq the entry is masked and holds neither id nor message, without any further call', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    request(host, virq);
    host.controlWrites.length = 0;
    host.run(freeIrq(host.core, virq, 'me'));
    expect(host.store.entry(hwirq)).toEqual(EMPTY);
    expect(host.controlWrites).toEqual([{ slot: 0, value: 1, layer: 'ims', operation: 'irq_shutdown' }]);
    host.controlWrites.length = 0;
    host.run(mdev.msi.freeIrqsAll());
    expect(host.controlWrites).toEqual([]);
  });

  test('the PASID is held exactly while an entry has it or is about to: until then and from then on it can be detached', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const early = variant.program === 'allocation';
    const held: unknown[] = [];
    const note = () => { held.push(mdev.iommu.held[5] ?? 0); };
    const { virq } = allocate(host, mdev);
    note();
    request(host, virq);
    note();
    expect(mdev.iommu.detach()).toBe(false);
    host.run(disableIrqNosync(host.core, virq));
    note();
    host.run(freeIrq(host.core, virq, 'me'));
    note();
    request(host, virq);
    host.run(freeIrq(host.core, virq, 'me'));
    host.run(mdev.msi.freeIrqsAll());
    note();
    expect(held).toEqual([early ? 1 : 0, 1, 1, early ? 1 : 0, 0]);
    expect(mdev.iommu.detach()).toBe(true);
  });

  test('masking keeps the id, so that unmasking brings it back in the same write; the edge that came meanwhile is handled once', () => {
    const host = makeHost(variant);
    const { virq, hwirq } = allocate(host, host.mdev(5));
    const handled = request(host, virq);
    host.run(disableIrqNosync(host.core, virq));
    fire(host, hwirq, 5);
    expect(host.store.entry(hwirq)).toMatchObject({ mask: 1, pasidEnable: 1, pasid: 5 });
    host.run(enableIrq(host.core, virq));
    host.executor.settle();
    expect(host.store.entry(hwirq)).toMatchObject({ mask: 0, pasidEnable: 1, pasid: 5 });
    expect(handled).toHaveLength(1);
  });

  test('requested again, the entry gets the PASID of then, and its message', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    request(host, virq);
    host.run(freeIrq(host.core, virq, 'me'));
    const pasid = variant.program === 'startup' && variant.id === 'device' ? 7 : 5;
    if (pasid === 7) {
      expect(mdev.iommu.detach()).toBe(true);
      mdev.iommu.attach(7);
    }
    const handled = request(host, virq);
    expect([fire(host, hwirq, 12 - pasid), fire(host, hwirq, pasid)]).toEqual([false, true]);
    expect(handled).toHaveLength(1);
  });
});

describe.each(VARIANTS.filter(({ program }) => program === 'startup'))('starting late: %s', (variant) => {
  test('d12: a device whose PASID is gone cannot start: EINVAL, nothing is unmasked or held; with a new one it can', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    // What was reserved at allocation may be a vector from the first activation on, also a failed one, as in the kernel.
    const counters = () => { const { reserved, assigned, ...others } = host.counters(); return { ...others, vectors: reserved + assigned }; };
    const before = counters();
    expect(mdev.iommu.detach()).toBe(true);
    expect(tryRequest(host, virq)).toMatchObject({ errno: 'EINVAL' });
    expect([host.store.entry(hwirq), counters(), mdev.iommu.held]).toEqual([EMPTY, before, {}]);
    expect(host.core.desc(virq)?.state).toMatchObject({ depth: 1, disabled: true, activated: false, started: false, actions: [] });
    mdev.iommu.attach(6);
    if (variant.id === 'cookie') {
      host.run(mdev.msi.freeIrqsAll());
      allocate(host, mdev);
    }
    request(host, mdev.msi.virq(0));
    expect(host.store.entry(hwirq)).toMatchObject({ mask: 0, pasid: 6 });
  });
});

describe.each(VARIANTS.filter(({ program }) => program === 'allocation'))('starting late: %s', (variant) => {
  test('a PASID that went away although it was held does not start: EINVAL, and given back nothing holds it', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    mdev.iommu.revoke(5);
    host.controlWrites.length = 0;
    expect(tryRequest(host, virq)).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('PASID 5') });
    expect([host.controlWrites, host.store.entry(hwirq).mask]).toEqual([[], 1]);
    must(host.run(mdev.msi.freeIrqsAll()), 'freeing');
    expect([host.store.entry(hwirq), mdev.iommu.held]).toEqual([EMPTY, {}]);
  });
});

describe('the chip', () => {
  test('messages cannot storm: a thread alone is enough, without ONESHOT', () => {
    const host = makeHost();
    const { virq, hwirq } = allocate(host, host.mdev(5));
    const handled: number[] = [];
    must(host.run(requestThreadedIrq(host.core, virq, { name: 'a', devId: 1, *thread(irq) { handled.push(irq); return 'handled'; } })), 'requesting');
    expect([fire(host, hwirq, 5), fire(host, hwirq, 5), handled]).toEqual([true, true, [virq, virq]]);
  });

  test('the affinity is set before the entry is unmasked: an open entry is not rewritten', () => {
    const { core, pf, vectors, storage, events, state, run } = makeMachine();
    // A level that asks nothing of the chips above it.
    const parent = new IrqDomain<MsiAllocInfo>(state, 'plain', { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: { name: 'plain' }, chipData: null }); } }, vectors.domain);
    const witness = new FakeIommu(state, pf).attach(5);
    const msi = must(ims.attachIms(core, pf, must(ims.createImsDomain(core, pf, parent, storage, { validatePasid: true }), 'domain')), 'attaching');
    const { virq } = must(run(msi.allocIrqAt('any', witness)), 'allocating');
    must(run(irq.requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' })), 'requesting');
    expect(events.filter(({ to }) => to === 'ims').at(-1)?.operation).toBe('irq_startup');
  });
});

describe('ids', () => {
  test('id from the cookie: two interrupts of one device have an id each (SVA beside the default PASID)', () => {
    const host = makeHost({ id: 'cookie' });
    const mdev = host.mdev(5);
    const witnesses = [mdev.iommu.bind(20), mdev.iommu.bind(21)];
    const descs = witnesses.map((witness, index) => allocate(host, mdev, index, witness));
    for (const { virq, index } of descs) request(host, virq, `v${index}`);
    expect(descs.map(({ hwirq }) => host.store.entry(hwirq).pasid)).toEqual([20, 21]);
    expect([mdev.iommu.held, mdev.iommu.unbind(20), mdev.iommu.detach()]).toEqual([{ 20: 1, 21: 1 }, false, true]);
    expect(descs.map(({ cookie }) => cookie)).toEqual(witnesses);
  });

  test('id from the device: the record is what counts, whatever witness was brought', () => {
    const host = makeHost({ id: 'device' });
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev, 0, mdev.iommu.bind(20));
    request(host, virq);
    expect([host.store.entry(hwirq).pasid, mdev.iommu.held]).toEqual([5, { 5: 1 }]);
  });

  test('R18: neither the core nor this package nor its chip has a call that changes the id of an interrupt', () => {
    expect(Object.keys({ ...irq, ...ims }).filter((name) => /aux|pasid/iu.test(name))).toEqual([]);
    expect(Object.getOwnPropertyNames(ims.ImsChip.prototype).toSorted()).toEqual([
      'constructor', 'irqMask', 'irqShutdown', 'irqStartup', 'irqUnmask', 'irqWriteMsiMsg', 'isLive', 'programSlot', 'resetSlot',
    ]);
  });

  test('R13: for a device with a default PASID no control word is written but by the chip', () => {
    const host = makeHost({ id: 'device' });
    const mdev = host.mdev(5);
    const { virq } = allocate(host, mdev);
    request(host, virq);
    must(host.run(disableIrqNosync(host.core, virq)), 'disabling');
    fire(host, 0, 5);
    must(host.run(enableIrq(host.core, virq)), 'enabling');
    host.run(freeIrq(host.core, virq, 'me'));
    host.run(mdev.msi.freeIrqsAll());
    expect(host.controlWrites.filter(({ layer }) => layer !== 'ims')).toEqual([]);
    expect(host.controlWrites.map(({ operation }) => operation)).toEqual(['reset_slot', 'irq_startup', 'irq_mask', 'irq_unmask', 'irq_shutdown']);
    expect(tryAllocate(host, mdev)).toMatchObject({ ok: true });
  });
});
