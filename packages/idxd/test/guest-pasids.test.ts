// The guest's PASIDs behind a virtual device: bound, mapped, unbound, and nothing left of what fails.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, plainState } from '@siov/base';
import { COMMAND, PCICMD, Wqcfg } from '@siov/datasheet';
import { PagingDomain } from '@siov/iommu';
import type { GuestPasids } from '@siov/vfio';
import { addVirtual, makeHost, makeVirtual, WITH_PASIDS } from './fake-function.ts';
import { DEFAULT_QUEUE, MDEV_TYPE } from '../src/index.ts';

const MODE = 0x400;

function machine() {
  const made = makeVirtual(WITH_PASIDS);
  return { ...made, pasids: pasidsOf(made.vfio) };
}

function pasidsOf(vfio: { readonly pasids?: GuestPasids }): GuestPasids {
  if (vfio.pasids === undefined) throw new Error('no PASIDs');
  return vfio.pasids;
}

const mapping = (iova: bigint) => ({ iova, size: 4096n, readable: true, writable: true, memory: bufferMemory(new Uint8Array(4096)) });

describe('binding', () => {
  test('gives a PASID of the set with the guest’s as its name, and an empty address space of its own', () => {
    const { bind, iommu, mdev, run, pasids } = machine();
    const host = bind(0xfffff);
    const access = iommu.dma(mdev.device.requesterId);
    const reach = () => run(access.read(host, 0x1000n, new Uint8Array(4))).ok;
    expect(reach()).toBe(false);
    expect(run(pasids.map(0xfffff, mapping(0x1000n)))).toMatchObject({ ok: true });
    expect(reach()).toBe(true);
    expect(run(pasids.map(0xfffff, mapping(0x1000n)))).toMatchObject({ errno: 'EEXIST' });
    expect(run(pasids.unmap(0xfffff, 0x1000n, 4096n))).toMatchObject({ ok: true });
    expect([run(pasids.unmap(0xfffff, 0x1000n, 4096n)), reach()]).toMatchObject([{ errno: 'ENOENT' }, false]);
  });

  test.each([0, -1, 2 ** 20, 1.5])('%d is no PASID', (gpasid) => {
    const { run, pasids, counters } = machine();
    const before = counters();
    expect(run(pasids.bind(gpasid))).toMatchObject({ errno: 'EINVAL' });
    expect(counters()).toEqual(before);
  });

  test('again is EBUSY; beyond the quota ENOSPC; what is not bound cannot be mapped or unbound', () => {
    const { run, pasids, counters } = (() => {
      const made = makeVirtual({ create: { pasid: true, quota: 2 } });
      return { ...made, pasids: pasidsOf(made.vfio) };
    })();
    expect([run(pasids.bind(1)).ok, run(pasids.bind(2)).ok]).toEqual([true, true]);
    const before = counters();
    expect([run(pasids.bind(1)), run(pasids.bind(3)), run(pasids.map(3, mapping(0n))), run(pasids.unmap(3, 0n, 4096n)), run(pasids.unbind(3))]).toMatchObject([
      { errno: 'EBUSY' }, { errno: 'ENOSPC' }, { errno: 'ENOENT' }, { errno: 'ENOENT' }, { errno: 'ENOENT' },
    ]);
    expect(counters()).toEqual(before);
  });

  test('I4: a host PASID that another has the entry of fails, and leaves nothing: neither PASID nor name', () => {
    const made = makeHost();
    const set = made.iommu.allocSet(null, 4);
    const driver = made.probe(DEFAULT_QUEUE, { ...DEFAULT_QUEUE, index: 1, group: 1, engine: 1 });
    if (!set.ok || !driver.ok) throw new Error('set-up');
    const [first, second] = [addVirtual(made, driver.value, MDEV_TYPE, { set: set.value }), addVirtual(made, driver.value, MDEV_TYPE, { set: set.value })];
    // By hand: the function's entry of the guest's PASID 5 names somebody else's address space.
    const host = set.value.alloc();
    if (!host.ok || !set.value.attachSpid(host.value, 5).ok) throw new Error('set-up');
    if (!made.iommu.attachPasid(new PagingDomain(plainState, 'foreign'), first.mdev.device, host.value).ok) throw new Error('set-up');
    const before = [made.counters(), set.value.list()];
    expect(made.run(pasidsOf(second.vfio).bind(5))).toMatchObject({ errno: 'EBUSY' });
    expect([made.counters(), set.value.list()]).toEqual(before);
    expect(set.value.findBySpid(5)).toMatchObject({ value: host.value });
  });

  test('devices of one guest on one function share the host’s PASID and the address space; each gives up its own part', () => {
    const made = makeHost();
    const { iommu, run } = made;
    const set = iommu.allocSet(null, 4);
    const driver = made.probe(DEFAULT_QUEUE, { ...DEFAULT_QUEUE, index: 1, group: 1, engine: 1 });
    if (!set.ok || !driver.ok) throw new Error('set-up');
    const [first, second] = [addVirtual(made, driver.value, MDEV_TYPE, { set: set.value }), addVirtual(made, driver.value, MDEV_TYPE, { set: set.value })];
    const empty = iommu.counters;
    const host = first.bind(5);
    expect([second.bind(5), set.value.used, iommu.counters.attachments - empty.attachments]).toEqual([host, 1, 1]);
    const [one, other] = [pasidsOf(first.vfio), pasidsOf(second.vfio)];
    const reach = (iova: bigint) => run(iommu.dma(first.mdev.device.requesterId).read(host, iova, new Uint8Array(4))).ok;
    // Both map what the guest has there; the first alone another page.
    for (const each of [one, other]) expect(run(each.map(5, mapping(0x1000n)))).toMatchObject({ ok: true });
    expect([run(one.map(5, mapping(0x1000n))), run(one.map(5, mapping(0x8000n)))]).toMatchObject([{ errno: 'EEXIST' }, { ok: true }]);
    expect(run(other.unmap(5, 0x8000n, 4096n))).toMatchObject({ errno: 'ENOENT' });
    expect(run(other.unmap(5, 0x1000n, 4096n))).toMatchObject({ ok: true });
    expect([reach(0x1000n), reach(0x8000n)]).toEqual([true, true]);
    expect(run(other.map(5, mapping(0x1000n)))).toMatchObject({ ok: true });
    expect(run(one.unbind(5))).toMatchObject({ ok: true });
    expect([reach(0x1000n), reach(0x8000n), set.value.used]).toEqual([true, false, 1]);
    expect(run(other.unbind(5))).toMatchObject({ ok: true });
    expect([reach(0x1000n), set.value.used, iommu.counters.attachments]).toEqual([false, 0, empty.attachments]);
    // Nothing of it comes back with the next one of that name.
    first.bind(5);
    expect(reach(0x1000n)).toBe(false);
  });

  test('devices of one guest on two functions share the host’s PASID: the last to unbind frees it', () => {
    const host = makeHost();
    const set = host.iommu.allocSet(null, 4);
    if (!set.ok) throw new Error(set.message);
    const other = host.addFunction('dsa1', 0x6b00);
    const [a, b] = [host, other].map(({ probe, fake }) => {
      const driver = probe();
      if (!driver.ok) throw new Error(driver.message);
      return addVirtual({ run: host.run, fake }, driver.value, MDEV_TYPE, { set: set.value });
    });
    if (a === undefined || b === undefined) throw new Error('two');
    expect(a.bind(9)).toBe(b.bind(9));
    expect(set.value.used).toBe(1);
    expect(host.run(pasidsOf(a.vfio).unbind(9)).ok).toBe(true);
    expect([set.value.used, set.value.findBySpid(9).ok]).toEqual([1, true]);
    expect(host.run(pasidsOf(b.vfio).unbind(9)).ok).toBe(true);
    expect([set.value.used, host.iommu.freeSet(set.value).ok]).toEqual([0, true]);
  });

  test('without the option there are none', () => {
    expect(makeVirtual().vfio.pasids).toBeUndefined();
  });
});

describe('unbinding', () => {
  test('waits until the function is done with the PASID, and gives everything back', () => {
    const { bind, run, pasids, counters, fake } = machine();
    const before = counters();
    const host = bind(5);
    fake.commands.length = 0;
    expect(run(pasids.unbind(5)).ok).toBe(true);
    expect([fake.commands, counters()]).toEqual([[`DRAIN_PASID(${host})`], before]);
  });

  test('is refused while an interrupt carries the PASID, and changes nothing', () => {
    const { bind, permit, setIrqs, run, pasids, counters, fake, slot } = machine();
    const host = bind(5);
    permit(1, { pasidEnable: 1, pasid: 5 });
    setIrqs(1, [true]);
    const before = counters();
    expect(run(pasids.unbind(5))).toMatchObject({ errno: 'EBUSY' });
    expect([counters(), fake.ims(slot(1)).pasid]).toEqual([before, host]);
    setIrqs(1, [false]);
    expect(run(pasids.unbind(5)).ok).toBe(true);
  });

  test('is refused while the queue is enabled with the PASID: it could come back as another guest’s', () => {
    const { bind, bar0, config, command, run, pasids } = machine();
    bind(5);
    bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ pasidEnable: 1, pasid: 5 }), MODE);
    config.write(PCICMD, 6);
    expect([command(COMMAND.ENABLE_DEVICE).error, command(COMMAND.ENABLE_WQ).error]).toEqual([0, 0]);
    expect(run(pasids.unbind(5))).toMatchObject({ errno: 'EBUSY' });
    command(COMMAND.DISABLE_WQ, 1);
    expect(run(pasids.unbind(5)).ok).toBe(true);
  });

  test('happens to all of them when the user of the device is gone, with interrupts and queue that carry them', () => {
    const { bind, bar0, config, command, permit, setIrqs, run, vfio, counters, executor } = machine();
    const before = counters();
    const [a, b] = [bind(5), bind(6)];
    permit(1, { pasidEnable: 1, pasid: 6 });
    setIrqs(0, [true, true]);
    bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ pasidEnable: 1, pasid: 5 }), MODE);
    config.write(PCICMD, 6);
    command(COMMAND.ENABLE_DEVICE);
    command(COMMAND.ENABLE_WQ);
    expect(a).not.toBe(b);
    run(vfio.release());
    executor.settle();
    expect(counters()).toEqual(before);
    run(vfio.release());
    expect(counters()).toEqual(before);
  });
});

test('whatever is bound and unbound, the guest’s names lead to what is attached, and at the end nothing is left', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ bind: fc.boolean(), gpasid: fc.integer({ min: 1, max: 5 }) }), { maxLength: 30 }), (steps) => {
      const { run, pasids, counters, vfio, iommu, mdev } = machine();
      const before = counters();
      const bound = new Map<number, number>();
      for (const { bind, gpasid } of steps) {
        if (bind) {
          const made = run(pasids.bind(gpasid));
          expect(made.ok).toBe(!bound.has(gpasid));
          if (made.ok) bound.set(gpasid, made.value);
        } else expect(run(pasids.unbind(gpasid)).ok).toBe(bound.delete(gpasid));
        expect(new Set(bound.values()).size).toBe(bound.size);
        expect(iommu.counters.attachments).toBe(before.attachments + bound.size);
      }
      expect([...bound.values()].includes(mdev.device.iommu.pasid)).toBe(false);
      run(vfio.release());
      expect(counters()).toEqual(before);
    }),
    { numRuns: 60 },
  );
});
