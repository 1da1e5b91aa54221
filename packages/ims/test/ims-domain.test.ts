import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ok } from '@siov/base';
import type { Steps } from '@siov/base';
import type { Device } from '@siov/device';
import * as irq from '@siov/irq';
import { disableIrqNosync, enableIrq, freeIrq, msiAllocIrq, msiDesc, msiDomainOf, msiFreeIrq, requestIrq } from '@siov/irq';
import { makeHost, TABLE_OFFSET } from './host.ts';
import type { Host } from './host.ts';

const WIPED = { addressLo: 0, addressHi: 0, data: 0, mask: 1, pending: 0, ignore: 0, pasidEnable: 0, pasid: 0 };

function allocate(host: Host, device: Device, index = 0) {
  const made = host.run(msiAllocIrq(host.core, device, index));
  if (!made.ok) throw new Error(made.message);
  return made.value;
}

function request(host: Host, virq: number, devId: unknown = 'me', handled: unknown[] = []) {
  const asked = host.run(requestIrq(host.core, virq, { name: String(devId), devId, *handler() { handled.push(devId); return 'handled'; } }));
  if (!asked.ok) throw new Error(asked.message);
  return handled;
}

describe('allocating', () => {
  test('R1: whether an entry needs a PASID is the domain’s flag; the same call fails or succeeds by it', () => {
    const results = [true, false].map((validatePasid) => {
      const host = makeHost({ validatePasid });
      return host.run(msiAllocIrq(host.core, host.mdev().device, 0)).ok;
    });
    expect(results).toEqual([false, true]);
  });

  test('R5, R24: a device without a valid PASID gets EINVAL when it allocates, from the chip’s own check', () => {
    const host = makeHost();
    const { device } = host.mdev();
    expect(host.run(msiAllocIrq(host.core, device, 0))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('mdev0 has no PASID') });
    expect(msiDesc(device, 0)).toBeUndefined();
  });

  test('R5: a PASID that was detached again is as none', () => {
    const host = makeHost();
    const { device, iommu } = host.mdev(5);
    iommu.detach();
    expect(host.run(msiAllocIrq(host.core, device, 0))).toMatchObject({ errno: 'EINVAL' });
  });

  test('R6: no failure of any kind leaves a slot, a virq, a vector, a mapping or a written word behind', () => {
    const host = makeHost({ size: 2 });
    const { device, iommu } = host.mdev();
    const other = host.mdev(9).device;
    const before = [host.counters(), host.words.slice()];
    expect(host.run(msiAllocIrq(host.core, device, 0)).ok).toBe(false);
    expect([host.counters(), host.words]).toEqual(before);
    iommu.attach(5);
    allocate(host, device, 0);
    allocate(host, other, 0);
    const full = host.counters();
    expect(host.run(msiAllocIrq(host.core, device, 0))).toMatchObject({ errno: 'EBUSY' });
    expect(host.run(msiAllocIrq(host.core, device, 1))).toMatchObject({ errno: 'ENOSPC' });
    expect(host.counters()).toEqual(full);
  });

  test('R4: without scalable mode no device ever has a PASID, so a validating domain gives no interrupt', () => {
    const host = makeHost();
    const devices = [host.mdev(), host.mdev()];
    for (const { device } of devices) expect(host.run(msiAllocIrq(host.core, device, 0))).toMatchObject({ errno: 'EINVAL' });
  });

  test('R25: the domain is reachable from the struct device, and allocation needs nothing else', () => {
    const host = makeHost();
    const { device } = host.mdev(3);
    expect(msiDomainOf(device)).toBe(host.domain);
    expect(allocate(host, device).hwirq).toBe(0);
  });

  test('R26: mdevs share the slots of their function; exhausting them is ENOSPC for the next mdev, freeing serves it', () => {
    const host = makeHost({ size: 3 });
    const [a, b, c] = [host.mdev(1).device, host.mdev(2).device, host.mdev(3).device];
    const slots = [allocate(host, a, 0), allocate(host, b, 0), allocate(host, a, 1)].map(({ hwirq }) => hwirq);
    expect(slots).toEqual([0, 1, 2]);
    expect(host.run(msiAllocIrq(host.core, c, 0))).toMatchObject({ errno: 'ENOSPC' });
    host.run(msiFreeIrq(host.core, b, 0));
    expect(allocate(host, c, 0).hwirq).toBe(1);
  });

  test('a slot is reset before its next owner gets it, whatever was left in it (I10)', () => {
    const host = makeHost();
    host.words.fill(0xfffffff8, 0, 4);
    allocate(host, host.mdev(1).device);
    expect(host.slot(0)).toEqual({ ...WIPED, addressLo: 0xfee00000 });
  });
});

describe('starting and stopping', () => {
  test('R10: the chip reads the PASID from the device when the interrupt starts: what changed before is what counts', () => {
    const host = makeHost();
    const { device, iommu } = host.mdev(5);
    const { virq, hwirq } = allocate(host, device);
    expect(host.slot(hwirq)).toMatchObject({ mask: 1, pasidEnable: 0 });
    iommu.detach();
    iommu.attach(6);
    request(host, virq);
    expect(host.slot(hwirq)).toMatchObject({ mask: 0, pasidEnable: 1, pasid: 6 });
  });

  test('R10, R15: PASID and unmask become visible in one write; no state of the entry is unmasked with another id', () => {
    const host = makeHost();
    const { virq } = allocate(host, host.mdev(0xabcde).device);
    host.controlWrites.length = 0;
    request(host, virq);
    expect(host.controlWrites).toEqual([{ slot: 0, value: 0xabcde008, layer: 'ims', operation: 'irq_startup' }]);
    expect(host.events.filter(({ to }) => to === 'ims').map(({ operation }) => operation)).toEqual(['reset_slot', 'irq_write_msi_msg', 'irq_startup']);
  });

  test('R2: without validation the entry has no PASID and any submitter may use it; with it only the owner', () => {
    for (const validatePasid of [true, false]) {
      const host = makeHost({ validatePasid });
      const { virq, hwirq } = allocate(host, host.mdev(5).device);
      const handled = request(host, virq);
      expect(host.slot(hwirq)).toMatchObject(validatePasid ? { pasidEnable: 1, pasid: 5 } : { pasidEnable: 0, pasid: 0 });
      expect([host.fire(hwirq, 5), host.fire(hwirq, 6)]).toEqual([true, !validatePasid]);
      expect(handled).toHaveLength(validatePasid ? 1 : 2);
    }
  });

  test('R23: after free_irq the entry is masked and holds neither id nor message, without any further call', () => {
    const host = makeHost();
    const { device } = host.mdev(5);
    const { virq, hwirq } = allocate(host, device);
    request(host, virq);
    host.controlWrites.length = 0;
    host.run(freeIrq(host.core, virq, 'me'));
    expect(host.slot(hwirq)).toEqual(WIPED);
    expect(host.controlWrites).toEqual([{ slot: 0, value: 1, layer: 'ims', operation: 'irq_shutdown' }]);
    host.controlWrites.length = 0;
    host.run(msiFreeIrq(host.core, device, 0));
    expect(host.controlWrites).toEqual([]);
  });

  test('masking keeps the id, so that unmasking brings it back in the same write', () => {
    const host = makeHost();
    const { virq, hwirq } = allocate(host, host.mdev(5).device);
    const handled = request(host, virq);
    host.run(disableIrqNosync(host.core, virq));
    host.fire(hwirq, 5);
    expect(host.slot(hwirq)).toMatchObject({ mask: 1, pasidEnable: 1, pasid: 5 });
    host.run(enableIrq(host.core, virq));
    host.executor.settle();
    expect(host.slot(hwirq)).toMatchObject({ mask: 0, pasidEnable: 1, pasid: 5 });
    expect(handled).toHaveLength(1);
  });

  test('requested again, the entry gets the PASID of then, and its message', () => {
    const host = makeHost();
    const { device, iommu } = host.mdev(5);
    const { virq, hwirq } = allocate(host, device);
    request(host, virq);
    host.run(freeIrq(host.core, virq, 'me'));
    iommu.detach();
    iommu.attach(7);
    const handled = request(host, virq);
    expect(host.fire(hwirq, 5)).toBe(false);
    expect(host.fire(hwirq, 7)).toBe(true);
    expect(handled).toHaveLength(1);
  });

  test('a running interrupt keeps its id: a later attachment does not reach it', () => {
    const host = makeHost();
    const { device, iommu } = host.mdev(5);
    const { virq, hwirq } = allocate(host, device);
    request(host, virq);
    host.run(disableIrqNosync(host.core, virq));
    host.fire(hwirq, 5);
    iommu.detach();
    iommu.attach(6);
    host.run(enableIrq(host.core, virq));
    expect(host.slot(hwirq)).toMatchObject({ mask: 0, pasid: 5 });
  });

  test('a device that lost its PASID since it allocated cannot start: EINVAL, nothing is unmasked, no vector stays', () => {
    const host = makeHost();
    const { device, iommu } = host.mdev(5);
    const { virq, hwirq } = allocate(host, device);
    const before = host.counters();
    iommu.detach();
    expect(host.run(requestIrq(host.core, virq, { name: 'a', devId: 'me', *handler() { return 'handled'; } }))).toMatchObject({ errno: 'EINVAL' });
    expect(host.slot(hwirq)).toMatchObject({ mask: 1, pasidEnable: 0 });
    expect([host.counters(), host.core.desc(virq)?.state]).toEqual([before, expect.objectContaining({ depth: 1, disabled: true, activated: false, started: false })]);
    iommu.attach(6);
    request(host, virq);
    expect(host.slot(hwirq)).toMatchObject({ mask: 0, pasid: 6 });
  });

  test('R18: neither the core nor the chip has a call that changes the id of an interrupt', () => {
    expect(Object.keys(irq).filter((name) => /aux|pasid/iu.test(name))).toEqual([]);
    const { template } = makeHost().domain;
    const chip = template.chip as unknown as object;
    expect(Object.getOwnPropertyNames(Object.getPrototypeOf(chip)).toSorted()).toEqual([
      'constructor', 'irqMask', 'irqShutdown', 'irqStartup', 'irqUnmask', 'irqWriteMsiMsg', 'resetSlot',
    ]);
  });
});

describe('the audit', () => {
  /** What a control write may be, by what the chip was doing: everything else is an unattributed write (I2). */
  const lawful = (operation: string, value: number, pasids: readonly number[]): boolean => {
    const id = (value >>> 3) & 1 ? value >>> 12 : null;
    const known = id !== null && pasids.includes(id);
    if (operation === 'reset_slot' || operation === 'irq_shutdown') return value === 1;
    if (operation === 'irq_startup' || operation === 'irq_unmask') return (value & 7) === 0 && known;
    return operation === 'irq_mask' && (value & 7) === 1 && known;
  };

  type Op = 'alloc' | 'free-msi' | 'request' | 'free-irq' | 'disable' | 'enable' | 'fire' | 'reattach';
  const step = fc.record({ op: fc.constantFrom<Op>('alloc', 'alloc', 'free-msi', 'request', 'request', 'free-irq', 'disable', 'enable', 'fire', 'reattach'), which: fc.nat(2), index: fc.nat(1), slot: fc.nat(3) });

  test('R9: in any program only layer ims writes the table, every control write is attributable, and unmasked means owned (I1, I2, I10)', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const host = makeHost({ size: 4, cpus: 2 });
      const before = host.counters();
      let nextPasid = 1;
      const mdevs = [0, 1, 2].map(() => host.mdev(nextPasid++));
      /** The id each slot was started with. */
      const bound = new Map<number, number>();
      const handled: string[] = [];
      const virqOf = (device: Device, index: number) => msiDesc(device, index);
      for (const { op, which, index, slot } of steps) {
        const { device, iommu } = mdevs[which] as (typeof mdevs)[number];
        const name = `${device.name}/${index}`;
        const desc = virqOf(device, index);
        if (op === 'alloc') host.run(msiAllocIrq(host.core, device, index));
        else if (op === 'reattach') { iommu.detach(); iommu.attach(nextPasid++); }
        else if (op === 'fire') {
          const count = handled.length;
          const owner = mdevs.flatMap(({ device: each }) => [0, 1].map((at) => ({ desc: virqOf(each, at), name: `${each.name}/${at}` }))).find((each) => each.desc?.hwirq === slot);
          const pasid = bound.get(slot);
          host.fire(slot, pasid ?? 0);
          for (const stranger of Array.from({ length: nextPasid + 1 }, (_, each) => each)) if (stranger !== pasid) expect(host.fire(slot, stranger)).toBe(false);
          expect(handled.slice(count).every((each) => each === owner?.name)).toBe(true);
        } else if (desc !== undefined) {
          const { virq, hwirq } = desc;
          if (op === 'request') {
            const asked = host.run(requestIrq(host.core, virq, { name, devId: name, *handler() { handled.push(name); return 'handled'; } }));
            if (asked.ok) bound.set(hwirq, device.iommu.pasid);
          } else if (op === 'free-irq') { if (host.run(freeIrq(host.core, virq, name)) !== null) bound.delete(hwirq); }
          else if (op === 'disable') host.run(disableIrqNosync(host.core, virq));
          else if (op === 'enable') host.run(enableIrq(host.core, virq));
          else host.run(msiFreeIrq(host.core, device, index));
        }
        host.executor.settle();
        for (let at = 0; at < 4; at++) {
          const state = host.slot(at);
          if (state.mask === 1 && state.pasidEnable === 0) continue;
          expect(state).toMatchObject({ pasidEnable: 1, pasid: bound.get(at) });
          const virq = host.domain.irqDomain.findMapping(at);
          expect(host.core.desc(virq)?.state).toMatchObject({ actions: [expect.anything()], activated: true, started: true });
        }
      }
      expect([...host.writers].every((layer) => layer === 'ims')).toBe(true);
      const pasids = Array.from({ length: nextPasid }, (_, each) => each);
      for (const { layer, operation, value } of host.controlWrites) expect([layer, operation, lawful(operation, value, pasids)]).toEqual(['ims', operation, true]);
      for (const { device } of mdevs) {
        for (const index of [0, 1]) {
          const desc = virqOf(device, index);
          if (desc === undefined) continue;
          host.run(freeIrq(host.core, desc.virq, `${device.name}/${index}`));
          expect(host.run(msiFreeIrq(host.core, device, index))).toEqual(ok());
        }
      }
      expect(host.counters()).toEqual(before);
      // Nobody's slots: no id, no message, masked.
      for (let at = 0; at < 4; at++) expect([{ ...WIPED }, { ...WIPED, addressLo: 0xfee00000 }]).toContainEqual(host.slot(at));
    }), { numRuns: 200 });
  });

  test('R9: a descriptor that comes between any two steps of request_irq or free_irq meets the owner’s id or a masked entry', () => {
    for (const call of ['request', 'free'] as const) {
      for (let at = 0, done = false; !done; at++) {
        const host = makeHost();
        const { device } = host.mdev(5);
        const { virq, hwirq } = allocate(host, device);
        let freed = false;
        const handler = function* () { expect(freed).toBe(false); return 'handled' as const; };
        const ask = () => requestIrq(host.core, virq, { name: 'a', devId: 'me', handler });
        if (call === 'free') host.run(ask());
        done = true;
        host.run(withIntruder((call === 'request' ? ask() : freeIrq(host.core, virq, 'me')) as Steps<unknown>, at, () => {
          done = false;
          expect(host.fire(hwirq, 6)).toBe(false);
          host.fire(hwirq, 5);
        }));
        freed = call === 'free';
        host.executor.settle();
        expect(host.fire(hwirq, 5)).toBe(call === 'request');
      }
    }
  });

  function* withIntruder<T>(steps: Steps<T>, at: number, intrude: () => void): Steps<T> {
    for (let yielded = 0; ; yielded++) {
      const next = steps.next();
      if (next.done) return next.value;
      if (yielded === at) intrude();
      yield next.value;
    }
  }

  test('entries are 16 bytes from the table’s offset, accessed as 32-bit words', () => {
    const host = makeHost();
    allocate(host, host.mdev(1).device, 0);
    const { virq } = allocate(host, host.mdev(2).device, 0);
    request(host, virq);
    expect([TABLE_OFFSET, host.words[7]]).toEqual([0x400, 0x2008]);
  });
});
