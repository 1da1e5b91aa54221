import { describe, expect, test, vi } from 'vitest';
import { interleavedState, runToCompletion } from '@siov/base';
import { disableIrqNosync, enableIrq } from '@siov/irq';
import type { IrqData } from '@siov/irq';
import { makeHost } from './host.ts';
import type { Host } from './host.ts';
import { allocate, EMPTY, fire, request, requestSteps, tryAllocate } from './use.ts';

function dataOf(host: Host, virq: number): IrqData {
  const data = host.core.desc(virq)?.state.data;
  if (data === null || data === undefined) throw new Error(`irq ${virq} has no hierarchy`);
  return data;
}

const QUEUE = { storage: 'queue' } as const;

describe('the queue', () => {
  test.each(['startup', 'allocation'] as const)('an entry without a shadow is ENOSPC, and nothing is taken (programmed at %s)', (program) => {
    const host = makeHost({ ...QUEUE, program });
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
    const data = dataOf(host, virq);
    const { chip } = host.domain.template;
    const { irqBusLock: lock, irqBusSyncUnlock: unlock } = chip;
    if (lock === undefined || unlock === undefined) throw new Error('the chip has no bus lock');
    for (let at = 0, intruded = true; intruded; at++) {
      intruded = false;
      let yielded = 0;
      host.run(lock(data));
      const sync = unlock(data);
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

  test('an edit that comes while the worker brings one before it is brought too', () => {
    const host = makeHost(QUEUE);
    const { virq, hwirq } = allocate(host, host.mdev(5));
    request(host, virq);
    const data = dataOf(host, virq);
    const { chip } = host.domain.template;
    host.run(chip.irqMask(data));
    host.driver.meanwhile = () => runToCompletion(chip.irqUnmask(data));
    host.executor.settle();
    expect([host.driver.meanwhile, host.store.entry(hwirq)]).toEqual([null, expect.objectContaining({ mask: 0, pasid: 5 })]);
  });

  test('one worker is enough, and an entry that is given back waits for it', () => {
    const host = makeHost(QUEUE);
    const mdev = host.mdev(5);
    const { virq, hwirq } = allocate(host, mdev);
    const data = dataOf(host, virq);
    const { chip } = host.domain.template;
    const spawned = vi.spyOn(host.executor, 'spawn');
    for (let edit = 0; edit < 3; edit++) host.run(chip.irqMask(data));
    expect(spawned).toHaveBeenCalledTimes(1);
    expect(host.run(mdev.msi.freeIrqsAll())).toMatchObject({ ok: true });
    host.executor.settle();
    allocate(host, mdev);
    host.run(chip.irqMask(data));
    expect(spawned).toHaveBeenCalledTimes(2);
    host.executor.settle();
    expect([host.store.entry(hwirq), host.driver.locked]).toEqual([EMPTY, false]);
  });

  test('an entry that no interrupt has is not written', () => {
    const host = makeHost(QUEUE);
    expect(() => host.run(host.storage.writeControl(2, 1 as never))).toThrow('entry 2 of queue0');
  });
});
