import { describe, expect, test } from 'vitest';
import { must } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import { deviceMsi, freeIrq, msiDomainOf, setMsiDomain } from '@siov/irq';
import { attachIms, createImsDomain, detachIms, imsOf } from '../src/index.ts';
import { makeHost, makeMachine, VARIANTS, witnessOf } from './host.ts';
import { FakeIommu } from './iommu.ts';
import { allocate, EMPTY, fire, request, tryAllocate, tryRequest } from './use.ts';

describe.each(VARIANTS)('allocating: %s', (variant) => {
  test('R5, R24: a PASID that was detached is refused with EINVAL at allocation, before anything is taken', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const witness = witnessOf(mdev.device);
    mdev.iommu.detach();
    const before = host.counters();
    expect(tryAllocate(host, mdev, 0, witness)).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('mdev0') });
    expect([host.counters(), host.controlWrites, mdev.msi.desc(0)]).toEqual([before, [], undefined]);
  });

  test('R5: attached again it has another witness; the old one stays refused', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(5);
    const old = witnessOf(mdev.device);
    mdev.iommu.detach();
    mdev.iommu.attach(5);
    expect(tryAllocate(host, mdev, 0, old)).toMatchObject({ errno: 'EINVAL' });
    expect(tryAllocate(host, mdev)).toMatchObject({ ok: true });
  });

  test('R5, I10: the witness of another device is refused, though its PASID is attached', () => {
    const host = makeHost(variant);
    const [mine, other] = [host.mdev(5), host.mdev(6)];
    const before = host.counters();
    const message = 'mdev0: the witness of PASID 6 was issued for mdev1';
    expect(tryAllocate(host, mine, 0, witnessOf(other.device))).toMatchObject({ errno: 'EINVAL', message });
    expect([host.counters(), host.controlWrites]).toEqual([before, []]);
  });

  test('R25: the domain is found from the struct device, and allocating needs nothing else', () => {
    const host = makeHost(variant);
    const { device } = host.mdev(3);
    expect([msiDomainOf(device, 'default'), deviceMsi(device, 'default')]).toEqual([host.domain, imsOf(device)]);
    expect(host.run(must({ ok: true, value: imsOf(device) }, 'IMS')!.allocIrqAt(0, witnessOf(device)))).toMatchObject({ ok: true, value: { hwirq: 0 } });
  });

  test('R26: devices share the slots of their function; exhausting them is ENOSPC for the next, freeing serves it', () => {
    const host = makeHost({ ...variant, size: 3 });
    const [a, b, c] = [host.mdev(1), host.mdev(2), host.mdev(3)];
    expect([allocate(host, a, 0), allocate(host, b, 0), allocate(host, a, 1)].map(({ hwirq }) => hwirq)).toEqual([0, 1, 2]);
    expect(tryAllocate(host, c)).toMatchObject({ errno: 'ENOSPC' });
    host.run(b.msi.freeIrqsAll());
    expect(allocate(host, c).hwirq).toBe(1);
  });

  test('a device of another function is refused: its messages would carry the wrong requester id', () => {
    const host = makeHost(variant);
    const stranger = new Device('other', { state: host.state, requesterId: 0x7001 });
    const witness = new FakeIommu(host.state, stranger).attach(9);
    const msi = must(attachIms(host.core, stranger, host.domain), 'attaching');
    expect(host.run(msi.allocIrqAt(0, witness))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('no part of dsa0') });
  });

  test('I10: an entry is reset before its next owner gets it, whatever was left in it', () => {
    const host = makeHost(variant);
    host.store.words.set([0xfee01234, 0, 77, 0xfffff008], 0);
    allocate(host, host.mdev(1));
    expect(host.store.entry(0)).toMatchObject(variant.program === 'startup' ? EMPTY : { ...EMPTY, pasidEnable: 1, pasid: 1 });
  });

  test('never requested and given back, an entry is empty and nothing holds the PASID', () => {
    const host = makeHost(variant);
    const mdev = host.mdev(1);
    const before = host.counters();
    allocate(host, mdev);
    expect(mdev.iommu.held).toEqual(variant.program === 'startup' ? {} : { 1: 1 });
    expect(host.run(mdev.msi.freeIrqsAll())).toMatchObject({ ok: true });
    expect([host.counters(), host.store.entry(0), mdev.iommu.held]).toEqual([before, EMPTY, {}]);
  });

  test('R6: whichever resource runs out, allocating and requesting leave everything as it was, and work afterwards', () => {
    let failures = 0;
    for (let nth = 1, done = false; !done; nth++) {
      const state = new ObservedState();
      const host = makeHost({ ...variant, state });
      const mdev = host.mdev(5);
      const other = host.mdev(6);
      allocate(host, other);
      const before = state.snapshot();
      state.refuse(nth);
      const made = tryAllocate(host, mdev);
      if (!made.ok) {
        failures += 1;
        expect([nth, state.changes(before)]).toEqual([nth, []]);
        expect(host.store.entry(1)).toEqual(EMPTY);
      } else {
        const allocated = state.snapshot();
        const held = mdev.iommu.held;
        const asked = tryRequest(host, made.value.virq);
        done = asked.ok;
        if (!asked.ok) {
          failures += 1;
          expect([nth, state.changes(allocated), mdev.iommu.held]).toEqual([nth, [], held]);
          expect(host.store.entry(1)).toMatchObject({ mask: 1 });
        }
      }
      state.refuse(0);
      const { virq } = mdev.msi.desc(0) ?? allocate(host, mdev);
      if (!done) expect(request(host, virq)).toEqual([]);
      expect(fire(host, 1, 5)).toBe(true);
    }
    expect(failures).toBeGreaterThan(3);
  });

  test('R6: a full store, a taken index and too few virqs leave nothing behind', () => {
    const host = makeHost({ ...variant, size: 3, nrIrqs: 18 });
    const [a, b] = [host.mdev(1), host.mdev(2)];
    allocate(host, a, 0);
    allocate(host, b, 0);
    const full = [host.counters(), a.iommu.held, b.iommu.held];
    expect(tryAllocate(host, a, 0)).toMatchObject({ errno: 'EBUSY' });
    expect(tryAllocate(host, a, 1).ok).toBe(false);
    expect([host.counters(), a.iommu.held, b.iommu.held]).toEqual(full);
    expect(host.store.entry(2)).toEqual(EMPTY);
  });

  test('R6: a range is allocated whole or not at all', () => {
    const host = makeHost(variant);
    const [a, b] = [host.mdev(1), host.mdev(2)];
    allocate(host, b, 0);
    const before = [host.counters(), a.iommu.held];
    expect(host.run(a.msi.allocIrqsRange(0, 3, witnessOf(a.device)))).toMatchObject({ errno: 'ENOSPC' });
    expect([host.counters(), a.iommu.held]).toEqual(before);
    for (const slot of [1, 2, 3]) expect(host.store.entry(slot)).toEqual(EMPTY);
    expect(host.run(a.msi.allocIrqsRange(0, 2, witnessOf(a.device)))).toMatchObject({ ok: true, value: [{ hwirq: 1 }, { hwirq: 2 }, { hwirq: 3 }] });
  });
});

describe('a domain', () => {
  test('R1: whether an entry needs a PASID is the domain’s flag; the same device is served or refused by it', () => {
    const host = makeHost();
    const { device } = host.mdev();
    expect(device.iommu.witness).toBeNull();
    const unchecked = makeMachine();
    const domain = must(createImsDomain(unchecked.core, unchecked.pf, unchecked.parent, unchecked.storage, { validatePasid: false }), 'domain');
    const mdev = new Device('mdev0', { state: unchecked.state, parent: unchecked.pf });
    const msi = must(setMsiDomain(unchecked.core, mdev, domain), 'attaching');
    expect(unchecked.run(msi.allocIrqAt(0, null))).toMatchObject({ ok: true });
    const checked = host.mdev(4);
    const witness = witnessOf(checked.device);
    checked.iommu.detach();
    expect(tryAllocate(host, checked, 0, witness)).toMatchObject({ errno: 'EINVAL' });
  });

  test('R4: where the IOMMU has no PASIDs no witness exists, and a borrowed one is refused', () => {
    const host = makeHost({ id: 'device' });
    const without = host.mdev();
    expect(without.device.iommu).toMatchObject({ valid: false, witness: null });
    const borrowed = witnessOf(host.mdev(7).device);
    expect(tryAllocate(host, without, 0, borrowed)).toMatchObject({ errno: 'EINVAL', message: 'mdev0: the witness of PASID 7 was issued for mdev1' });
  });

  test.each([0, 65537, Number.NaN])('of %s entries is EINVAL; without memory it is ENOMEM, and nothing is different', (size) => {
    const state = new ObservedState();
    const { core, pf, parent, storage } = makeMachine({ state });
    const before = state.snapshot();
    expect(createImsDomain(core, pf, parent, { ...storage, size }, { validatePasid: false })).toMatchObject({ errno: 'EINVAL' });
    state.refuse(1);
    expect(createImsDomain(core, pf, parent, storage, { validatePasid: false })).toMatchObject({ errno: 'ENOMEM' });
    expect([state.changes(before), pf.submitters.unchecked]).toEqual([[], 0]);
  });

  test.each([1, 65536])('of %s entries is made, and hands all of them out', (size) => {
    const { core, pf, parent, storage } = makeMachine();
    const created = createImsDomain(core, pf, parent, { ...storage, size }, { validatePasid: false });
    expect(created.ok && created.value.slots.end).toBe(size);
  });

  test('says what was wrong with which value', () => {
    const state = new ObservedState();
    const { core, pf, parent, storage } = makeMachine({ state });
    const make = (size: number) => createImsDomain(core, pf, parent, { ...storage, size }, { validatePasid: false });
    expect(make(0)).toMatchObject({ message: 'dsa0: a message store of 0 entries is no domain of 1..65536' });
    state.refuse(1);
    expect(make(4)).toMatchObject({ message: 'dsa0: no memory for an IMS domain' });
    const host = makeHost();
    const mdev = host.mdev(1);
    expect(attachIms(host.core, mdev.device, host.domain, 'secondary')).toMatchObject({ errno: 'EEXIST', message: 'mdev0 has an IMS domain already' });
    allocate(host, mdev, 0);
    expect(host.domain.destroy()).toMatchObject({ errno: 'EBUSY', message: 'IR-IMS-dsa0: 1 interrupts are allocated' });
  });

  test('below a level that does not support message stores (the vectors without remapping) is EINVAL', () => {
    const { core, pf, vectors, storage } = makeMachine();
    const made = createImsDomain(core, pf, vectors.domain, storage, { validatePasid: true });
    expect(made).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('h/vector') });
  });

  test('attached twice is EEXIST; detached it can be attached again, and with interrupts it cannot be detached', () => {
    const host = makeHost();
    const mdev = host.mdev(1);
    expect(attachIms(host.core, mdev.device, host.domain)).toMatchObject({ errno: 'EEXIST' });
    allocate(host, mdev);
    expect(() => detachIms(mdev.device)).toThrow('mdev0');
    host.run(mdev.msi.freeIrqsAll());
    detachIms(mdev.device);
    detachIms(mdev.device);
    expect(imsOf(mdev.device)).toBeUndefined();
    expect(attachIms(host.core, mdev.device, host.domain)).toMatchObject({ ok: true });
    expect(imsOf(mdev.device)).toBe(deviceMsi(mdev.device, 'secondary'));
  });

  test('destroyed it refuses; with interrupts it is not destroyed: EBUSY', () => {
    const host = makeHost();
    const mdev = host.mdev(1);
    const { virq } = allocate(host, mdev);
    request(host, virq);
    expect(host.domain.destroy()).toMatchObject({ errno: 'EBUSY' });
    expect(fire(host, 0, 1)).toBe(true);
    host.run(freeIrq(host.core, virq, 'me'));
    host.run(mdev.msi.freeIrqsAll());
    expect(host.parent.children).toEqual([host.domain.irqDomain]);
    expect([host.domain.destroy().ok, host.domain.destroy().ok, host.parent.children]).toEqual([true, true, []]);
    expect(tryAllocate(host, mdev)).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('removed') });
  });
});
