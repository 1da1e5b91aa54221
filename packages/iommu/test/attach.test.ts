import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError, noTrace, ok, plainState } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import { Iommu } from '../src/index.ts';
import type { PagingDomain } from '../src/index.ts';
import { BASE, machine, outcome, RID, value } from './machine.ts';

describe('the default PASID', () => {
  test('R7: attaching makes it visible on the device, detaching takes it away; no driver sets it', () => {
    const { iommu, mdevs: [mdev], space } = machine();
    expect(mdev.iommu).toEqual({ pasid: 0, valid: false, generation: 0, witness: null });
    const witness = value(iommu.attachDevicePasid(space('a').domain, mdev));
    expect(mdev.iommu).toEqual({ pasid: witness.pasid, valid: true, generation: 1, witness });
    value(iommu.detachDevicePasid(mdev));
    expect(mdev.iommu).toEqual({ pasid: 0, valid: false, generation: 2, witness: null });
  });

  test('R7: a device has one writer for its life: another IOMMU cannot take it, and after a release the record goes on', () => {
    const { iommu, pf, mdevs: [mdev], space } = machine();
    expect(() => iommu.probeDevice(mdev)).toThrow(ModelError);
    expect(() => mdev.takeIommuRecord()).toThrow(ModelError);
    value(iommu.attachDevicePasid(space('a').domain, mdev));
    expect(outcome(iommu.releaseDevice(mdev))).toBe('EBUSY');
    value(iommu.detachDevicePasid(mdev));
    value(iommu.releaseDevice(mdev));
    expect(outcome(iommu.attachDevicePasid(space('b').domain, mdev))).toBe('ENODEV');
    value(iommu.probeDevice(mdev));
    value(iommu.attachDevicePasid(space('c').domain, mdev));
    expect([mdev.iommu.generation, pf.iommu.valid]).toEqual([3, false]);
  });

  test('R4: without scalable mode there is no PASID, of any kind', () => {
    const { iommu, pf, mdevs: [mdev], space, process } = machine({ scalable: false });
    const { domain } = space('a');
    expect([
      iommu.attachDevicePasid(domain, mdev), iommu.attachPasid(domain, mdev, 1), iommu.allocGlobalPasid(mdev), iommu.svaBindDevice(mdev, process('p').domain),
    ].map(outcome)).toEqual(['EOPNOTSUPP', 'EOPNOTSUPP', 'EOPNOTSUPP', 'EOPNOTSUPP']);
    expect(outcome(iommu.enableFeature(pf, 'sva'))).toBe('ENODEV');
    expect([mdev.iommu.valid, mdev.iommu.witness, iommu.counters]).toEqual([false, null, { pasids: 0, attachments: 0, faults: 0 }]);
  });

  test('R15: the witness holds until the detachment, and is not that of the next attachment, though the PASID is', () => {
    const { iommu, mdevs: [mdev], space } = machine();
    const { domain } = space('a');
    const first = value(iommu.attachDevicePasid(domain, mdev));
    expect(first.valid).toBe(true);
    value(iommu.detachDevicePasid(mdev));
    const second = value(iommu.attachDevicePasid(domain, mdev));
    expect([first.pasid === second.pasid, first.valid, second.valid, first === second]).toEqual([true, false, true, false]);
  });

  test('R15: only IOMMU management issues witnesses', () => {
    const { iommu, mdevs: [mdev], space } = machine();
    const witness = value(iommu.attachDevicePasid(space('a').domain, mdev));
    const Witness = witness.constructor as new (key: symbol, device: Device, backing: unknown) => unknown;
    const backing = { pasid: witness.pasid, valid: () => true, hold() {}, release() {} };
    expect(() => new Witness(Symbol('issuer'), mdev, backing)).toThrow(ModelError);
  });

  test('R15: while an entry holds the PASID it is not detached: EBUSY, and requests with it go on', () => {
    const { iommu, mdevs: [mdev], space, write } = machine();
    const { domain, bytes } = space('a');
    const witness = value(iommu.attachDevicePasid(domain, mdev));
    witness.hold();
    witness.hold();
    expect(outcome(iommu.detachDevicePasid(mdev))).toBe('EBUSY');
    witness.release();
    expect(outcome(iommu.detachDevicePasid(mdev))).toBe('EBUSY');
    expect([witness.valid, mdev.iommu.witness === witness, mdev.iommu.generation, outcome(write(witness.pasid, 9)), bytes[0]]).toEqual([true, true, 1, 'ok', 9]);
    witness.release();
    value(iommu.detachDevicePasid(mdev));
    expect(() => witness.hold()).toThrow(ModelError);
    expect(() => witness.release()).toThrow(ModelError);
  });

  test('R6: every refusal leaves record and counters as they were', () => {
    const { iommu, mdevs: [a, b], space, pf } = machine({ pasidWidth: 1 });
    const stranger = new Device('stranger', { state: plainState, requesterId: 1 });
    const { domain } = space('a');
    value(iommu.attachDevicePasid(domain, a));
    value(iommu.attachDevice(domain, pf));
    const before = [iommu.counters, { ...a.iommu }, { ...b.iommu }];
    expect([
      iommu.attachDevicePasid(domain, a), iommu.attachDevicePasid(domain, b), iommu.attachDevicePasid(domain, stranger),
      iommu.attachDevice(domain, pf), iommu.attachDevice(domain, stranger),
    ].map(outcome)).toEqual(['EBUSY', 'ENOSPC', 'ENODEV', 'EBUSY', 'ENODEV']);
    expect([iommu.counters, a.iommu, b.iommu]).toEqual(before);
  });

  test('detaching again is harmless, and never frees the PASID of another', () => {
    const { iommu, mdevs: [a, b], space } = machine();
    const { domain } = space('a');
    const first = value(iommu.attachDevicePasid(domain, a));
    value(iommu.detachDevicePasid(a));
    expect(value(iommu.attachDevicePasid(domain, b)).pasid).toBe(first.pasid);
    expect(iommu.detachDevicePasid(a)).toEqual(ok());
    expect([b.iommu.valid, iommu.counters.pasids]).toEqual([true, 1]);
  });
});

describe('the whole device', () => {
  test('a mediated device has no requester id of its own: it is not attached, nor detached, in its parent’s place', () => {
    const { iommu, mdevs: [mdev], pf, space } = machine();
    expect(outcome(iommu.attachDevice(space('guest').domain, mdev))).toBe('ENODEV');
    value(iommu.attachDevice(space('host').domain, pf));
    iommu.detachDevice(mdev);
    expect(iommu.counters.attachments).toBe(1);
    iommu.detachDevice(pf);
    iommu.detachDevice(pf);
    expect(iommu.counters.attachments).toBe(0);
  });

  test('with aux on, it gets no domain while its mediated devices have theirs; and aux stays on as long', () => {
    const { iommu, mdevs: [mdev], pf, space } = machine();
    const { domain } = space('a');
    value(iommu.attachDevicePasid(domain, mdev));
    value(iommu.attachDevice(domain, pf));
    iommu.detachDevice(pf);
    value(iommu.enableFeature(pf, 'aux'));
    expect([outcome(iommu.attachDevice(domain, pf)), outcome(iommu.disableFeature(pf, 'aux'))]).toEqual(['EBUSY', 'EBUSY']);
    value(iommu.detachDevicePasid(mdev));
    value(iommu.attachDevice(domain, pf));
    value(iommu.disableFeature(pf, 'aux'));
    expect(outcome(iommu.disableFeature(pf, 'aux'))).toBe('EINVAL');
  });

  test('features are the function’s: a mediated device and a stranger switch none; iopf needs page requests', () => {
    const { iommu, mdevs: [mdev], pf } = machine();
    const stranger = new Device('stranger', { state: plainState, requesterId: 1 });
    expect([mdev, stranger].map((device) => outcome(iommu.enableFeature(device, 'aux')))).toEqual(['ENODEV', 'ENODEV']);
    expect([mdev, stranger].map((device) => outcome(iommu.disableFeature(device, 'aux')))).toEqual(['ENODEV', 'ENODEV']);
    expect(outcome(iommu.enableFeature(pf, 'iopf'))).toBe('ENODEV');
  });

  test('a function that makes page requests: iopf before sva and after it; iopf twice is EBUSY', () => {
    const { iommu, pf } = machine({ probe: { pageRequests: true } });
    expect([
      iommu.enableFeature(pf, 'sva'), iommu.enableFeature(pf, 'iopf'), iommu.enableFeature(pf, 'iopf'), iommu.enableFeature(pf, 'sva'),
      iommu.disableFeature(pf, 'iopf'), iommu.disableFeature(pf, 'sva'), iommu.disableFeature(pf, 'iopf'),
    ].map(outcome)).toEqual(['EINVAL', 'ok', 'EBUSY', 'ok', 'EBUSY', 'ok', 'ok']);
  });
});

describe('PASIDs by number', () => {
  test('requests with it reach the domain; another attachment is EBUSY; a PASID nobody gave the caller is EINVAL', () => {
    const { iommu, mdevs: [a, b], space, write } = machine();
    const { domain, bytes } = space('a');
    const pasid = value(iommu.allocGlobalPasid(a));
    const witness = value(iommu.attachPasid(domain, a, pasid));
    expect([outcome(write(pasid, 5)), bytes[0], witness.pasid]).toEqual(['ok', 5, pasid]);
    expect([iommu.attachPasid(domain, a, pasid), iommu.attachPasid(space('b').domain, b, pasid)].map(outcome)).toEqual(['EBUSY', 'EBUSY']);
    for (const wrong of [0, pasid + 1, 1 << 20, -1]) expect(outcome(iommu.attachPasid(domain, a, wrong))).toBe('EINVAL');
    expect(a.iommu.valid).toBe(false);
  });

  test('replacing: the same PASID reaches the other domain, the witness and its holders stay', () => {
    const { iommu, mdevs: [mdev], space, write } = machine();
    const [one, other] = [space('one'), space('other')];
    const pasid = value(iommu.allocGlobalPasid(mdev));
    expect(outcome(iommu.replaceDevicePasid(one.domain, mdev, pasid))).toBe('EINVAL');
    const witness = value(iommu.attachPasid(one.domain, mdev, pasid));
    witness.hold();
    value(iommu.replaceDevicePasid(other.domain, mdev, pasid));
    value(write(pasid, 3));
    expect([one.bytes[0], other.bytes[0], witness.valid]).toEqual([0, 3, true]);
    value(iommu.replaceDevicePasid(other.domain, mdev, pasid));
    // The first domain's id is free again, and taken next.
    value(iommu.attachDevicePasid(space('third').domain, mdev));
    expect(iommu.dump().devices[1]?.attachments.map(({ domain, domainId }) => [domain, domainId])).toEqual([['other', 2], ['third', 1]]);
    value(iommu.detachDevicePasid(mdev));
    expect(outcome(iommu.detachPasid(mdev, pasid))).toBe('EBUSY');
    witness.release();
    value(iommu.detachPasid(mdev, pasid));
    expect([outcome(write(pasid)), outcome(iommu.detachPasid(mdev, pasid)), iommu.counters.attachments]).toEqual(['EFAULT', 'ok', 0]);
    value(iommu.freeGlobalPasid(pasid));
  });

  test('the default PASID and one of a bound mm are neither replaced nor detached by number', () => {
    const { iommu, mdevs: [mdev], pf, space, process } = machine();
    value(iommu.enableFeature(pf, 'sva'));
    const own = value(iommu.attachDevicePasid(space('a').domain, mdev)).pasid;
    const bound = value(iommu.svaBindDevice(mdev, process('p').domain)).witness.pasid;
    for (const pasid of [own, bound]) {
      expect([iommu.replaceDevicePasid(space('b').domain, mdev, pasid), iommu.detachPasid(mdev, pasid), iommu.attachPasid(space('c').domain, mdev, pasid)].map(outcome)).toEqual(['EINVAL', 'EINVAL', 'EINVAL']);
    }
    expect(mdev.iommu.pasid).toBe(own);
  });
});

describe('release', () => {
  test('a device that comes later shares the tables of its function, and leaves what is there', () => {
    const { iommu, pf, space, write, state } = machine();
    value(iommu.attachDevice(space('host').domain, pf));
    const late = new Device('late', { state, parent: pf });
    value(iommu.probeDevice(late));
    expect(outcome(write(null))).toBe('ok');
    value(iommu.releaseDevice(late));
    expect(outcome(write(null))).toBe('ok');
  });

  test('the function’s entries go with its last device, and what it attached and switched on', () => {
    const { iommu, pf, mdevs: [a, b], space, write, state } = machine();
    const { domain } = space('host');
    value(iommu.enableFeature(pf, 'aux'));
    value(iommu.attachDevice(domain, pf));
    value(iommu.releaseDevice(pf));
    expect([outcome(write(null)), iommu.lastFault?.reason, iommu.counters.attachments]).toEqual(['EFAULT', 'pasid-entry-not-present', 0]);
    expect(outcome(iommu.disableFeature(pf, 'aux'))).toBe('ENODEV');
    for (const device of [a, b]) value(iommu.releaseDevice(device));
    expect([outcome(write(null)), iommu.lastFault?.reason, outcome(iommu.releaseDevice(b))]).toEqual(['EFAULT', 'context-not-present', 'ENODEV']);
    value(iommu.probeDevice(pf));
    expect(outcome(iommu.disableFeature(pf, 'aux'))).toBe('EINVAL');
    value(iommu.attachDevice(domain, pf));
    expect(outcome(write(null))).toBe('ok');
    // In legacy mode there are no tables to make or free.
    const legacy = new Iommu({ state, trace: noTrace }, { scalable: false });
    const other = new Device('other', { state, requesterId: 7 });
    value(legacy.probeDevice(other));
    value(legacy.attachDevice(domain, other));
    value(legacy.releaseDevice(other));
    expect(legacy.counters.attachments).toBe(0);
  });

  test('all its tables are free again: coming and going does not use the memory up', () => {
    const state = new ObservedState();
    const { iommu, pf, mdevs, space } = machine({ state, pasidWidth: 8 });
    for (const device of mdevs) value(iommu.releaseDevice(device));
    const round = () => {
      const set = value(iommu.allocSet(null, 3));
      const { domain } = space('a');
      for (const at of [1, 70, 140]) {
        const pasid = value(set.alloc(at));
        value(iommu.attachPasid(domain, pf, pasid));
        value(iommu.detachPasid(pf, pasid));
        value(set.free(pasid));
      }
      value(iommu.freeSet(set));
      value(iommu.releaseDevice(pf));
      value(iommu.probeDevice(pf));
    };
    round();
    const before = state.snapshot();
    round();
    // Tables are others now, at the same addresses.
    expect(state.changes(before).filter((name) => !/page|devices/.test(name) || name.startsWith('ids/'))).toEqual([]);
  });
});

describe('programs', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constantFrom('attach', 'detach', 'hold', 'release'), which: fc.nat(3) }),
    fc.record({ do: fc.constantFrom('alloc', 'free', 'attach-by-number', 'detach-by-number'), which: fc.nat(3), pasid: fc.integer({ min: 1, max: 4 }) }),
  );

  test('any sequence of attachments: PASIDs in use are distinct, each request reaches the one domain attached for it, nothing held goes away', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 50, size: 'max' }), (steps) => {
      const { iommu, pf, mdevs, space, write } = machine({ pasidWidth: 2, mdevs: 4 });
      const spaces = mdevs.map(({ name }) => space(name));
      const held = mdevs.map(() => 0);
      const global = new Set<number>();
      /** PASID -> mdev, attached by number. */
      const byNumber = new Map<number, number>();
      for (const each of steps) {
        const device = mdevs[each.which] as Device;
        const { domain } = spaces[each.which] as { domain: PagingDomain };
        const own = mdevs.filter(({ iommu: record }) => record.valid).length;
        const { generation, valid, witness } = device.iommu;
        const holds = held[each.which] ?? 0;
        if (each.do === 'attach') {
          const result = outcome(iommu.attachDevicePasid(domain, device));
          expect(result).toBe(valid ? 'EBUSY' : own + global.size === 3 ? 'ENOSPC' : 'ok');
          expect(device.iommu.generation).toBe(generation + (result === 'ok' ? 1 : 0));
        } else if (each.do === 'detach') {
          const result = outcome(iommu.detachDevicePasid(device));
          expect([result, device.iommu.valid, witness?.valid ?? false]).toEqual(holds > 0 ? ['EBUSY', true, true] : ['ok', false, false]);
        } else if (each.do === 'hold' && witness !== null) {
          witness.hold();
          held[each.which] = holds + 1;
        } else if (each.do === 'release' && holds > 0) {
          witness?.release();
          held[each.which] = holds - 1;
        } else if (each.do === 'alloc') {
          const result = iommu.allocGlobalPasid(device);
          expect(result.ok).toBe(own + global.size < 3);
          if (result.ok) global.add(result.value);
        } else if ('pasid' in each && each.do === 'free') {
          const { pasid } = each;
          expect(outcome(iommu.freeGlobalPasid(pasid))).toBe(!global.has(pasid) ? 'EINVAL' : byNumber.has(pasid) ? 'EBUSY' : 'ok');
          if (!byNumber.has(pasid)) global.delete(pasid);
        } else if ('pasid' in each && each.do === 'attach-by-number') {
          const { pasid } = each;
          expect(outcome(iommu.attachPasid(domain, device, pasid))).toBe(!global.has(pasid) ? 'EINVAL' : byNumber.has(pasid) ? 'EBUSY' : 'ok');
          if (global.has(pasid) && !byNumber.has(pasid)) byNumber.set(pasid, each.which);
        } else if ('pasid' in each && each.do === 'detach-by-number') {
          const { pasid } = each;
          expect(outcome(iommu.detachPasid(device, pasid))).toBe(valid && device.iommu.pasid === pasid ? 'EINVAL' : 'ok');
          if (byNumber.get(pasid) === each.which) byNumber.delete(pasid);
        }
        const defaults = new Map(mdevs.flatMap(({ iommu: record }, index) => (record.valid ? [[record.pasid, index] as const] : [])));
        expect(iommu.counters).toMatchObject({ pasids: defaults.size + global.size, attachments: defaults.size + byNumber.size });
        for (const pasid of [1, 2, 3]) {
          const reached = defaults.get(pasid) ?? byNumber.get(pasid);
          for (const { bytes } of spaces) bytes[0] = 0;
          expect(outcome(write(pasid, 1))).toBe(reached === undefined ? 'EFAULT' : 'ok');
          expect(spaces.findIndex(({ bytes }) => bytes[0] === 1)).toBe(reached ?? -1);
        }
      }
      expect(pf.iommu.valid).toBe(false);
    }), { numRuns: 60 });
  });

  test('two functions on a bus, in both halves of it, and on another bus, each have their own tables', () => {
    const ids = [RID, RID | 0x80, 0x0108, 0x01ff];
    const iommu = new Iommu({ state: plainState, trace: noTrace }, { pasidWidth: 14 });
    const devices = ids.map((requesterId) => new Device(`f${requesterId}`, { state: plainState, requesterId }));
    for (const device of devices) value(iommu.probeDevice(device));
    const { space, write } = machine();
    const spaces = devices.map(({ name }) => space(name));
    for (const [index, device] of devices.entries()) value(iommu.attachDevice(spaces[index]?.domain as PagingDomain, device));
    for (const device of devices.slice(1)) iommu.detachDevice(device);
    expect([...ids].map((id) => [...iommu.dma(id).write(null, BASE, Uint8Array.of(1))].length)).toEqual([0, 0, 0, 0]);
    expect(spaces.map(({ bytes }) => bytes[0])).toEqual([1, 0, 0, 0]);
    expect(outcome(write(null))).toBe('EFAULT');
  });
});
