import { describe, expect, test } from 'vitest';
import { interleavedState } from '@siov/base';
import { disableIrqNosync, enableIrq, freeIrq } from '@siov/irq';
import { makeHost } from './host.ts';
import { allocate, EMPTY, fire, request, requestSteps, tryAllocate } from './use.ts';

const QUEUE = { storage: 'queue' } as const;

describe('the queue', () => {
  test('an entry without a shadow is ENOSPC, and nothing is taken', () => {
    const host = makeHost(QUEUE);
    const mdev = host.mdev(5);
    const before = host.counters();
    host.driver.refused.add(0);
    expect(tryAllocate(host, mdev)).toMatchObject({ errno: 'ENOSPC', message: expect.stringContaining('queue0 has no shadow for entry 0, interrupt 0 of mdev0') });
    expect([host.counters(), mdev.iommu.held]).toEqual([before, {}]);
    host.driver.refused.clear();
    expect(tryAllocate(host, mdev)).toMatchObject({ ok: true });
  });

  test('R26: the entry’s number is the shared bitmap’s, not the device’s', () => {
    const host = makeHost(QUEUE);
    const descs = [host.mdev(1), host.mdev(2)].map((mdev) => allocate(host, mdev, 7));
    expect(descs.map(({ index, hwirq }) => [index, hwirq])).toEqual([[7, 0], [7, 1]]);
  });

  test('nothing reaches the device until the bus lock is given back, and then all of it has', () => {
    const host = makeHost(QUEUE);
    const { virq, hwirq } = allocate(host, host.mdev(5));
    const steps = host.core.ports.trace.cross('test', 'request', {}, requestSteps(host, virq));
    let wasOpenInShadow = false;
    for (let next = steps.next(); !next.done; next = steps.next()) {
      const shadow = host.driver.shadow(hwirq);
      if ((shadow.control & 1) === 0 && host.store.entry(hwirq).mask === 1) wasOpenInShadow = true;
      if (host.store.entry(hwirq).mask === 0) expect(host.store.entry(hwirq)).toMatchObject({ pasid: 5, data: shadow.data, addressLo: shadow.addressLo });
    }
    expect([wasOpenInShadow, host.store.entry(hwirq).mask, host.driver.locked]).toEqual([true, 0, false]);
  });

  test('a mask from interrupt context reaches the device by a worker', () => {
    const host = makeHost(QUEUE);
    const { virq, hwirq } = allocate(host, host.mdev(5));
    const handled = request(host, virq);
    host.run(disableIrqNosync(host.core, virq));
    fire(host, hwirq, 5);
    expect([host.store.entry(hwirq).mask, host.driver.locked]).toEqual([1, false]);
    fire(host, hwirq, 5);
    expect(host.store.entry(hwirq).pending).toBe(1);
    host.run(enableIrq(host.core, virq));
    host.executor.settle();
    expect([handled.length > 0, host.store.entry(hwirq)]).toEqual([true, expect.objectContaining({ mask: 0, pending: 0 })]);
  });

  test('an edit that comes while the driver brings the shadow to the device is not lost', () => {
    const host = makeHost({ ...QUEUE, state: interleavedState });
    const { virq, hwirq } = allocate(host, host.mdev(5));
    request(host, virq);
    const data = host.core.desc(virq)?.state.data;
    if (data === null || data === undefined) throw new Error('no data');
    const { chip } = host.domain.template;
    for (let at = 0, intruded = true; intruded; at++) {
      intruded = false;
      let yielded = 0;
      host.run(host.domain.template.chip.irqBusLock!(data));
      const sync = chip.irqBusSyncUnlock!(data);
      for (let next = sync.next(); !next.done; next = sync.next()) {
        if (yielded++ !== at) continue;
        intruded = true;
        // Interrupt context on another CPU.
        host.run(at % 2 === 0 ? chip.irqMask(data) : chip.irqUnmask(data));
      }
      host.executor.settle();
      if (intruded) expect([at, host.store.entry(hwirq).mask]).toEqual([at, at % 2 === 0 ? 1 : 0]);
    }
  });

  test('given back while a worker is on its way, the entry waits for it', () => {
    const host = makeHost(QUEUE);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    request(host, virq);
    host.run(disableIrqNosync(host.core, virq));
    host.store.fire(hwirq, 5);
    host.run(freeIrq(host.core, virq, 'me'));
    host.run(mdev.msi.freeIrqsAll());
    host.executor.settle();
    expect([host.store.entry(hwirq), host.driver.locked, mdev.iommu.held]).toEqual([expect.objectContaining(EMPTY), false, {}]);
    expect(tryAllocate(host, host.mdev(6))).toMatchObject({ ok: true, value: { hwirq } });
  });
});
