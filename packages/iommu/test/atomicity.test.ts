import { describe, expect, test } from 'vitest';
import type { Result } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import type { Iommu, PagingDomain, PasidSet } from '../src/index.ts';
import { machine, value } from './machine.ts';

interface Rig {
  readonly state: ObservedState;
  readonly iommu: Iommu;
  readonly pf: Device;
  readonly mdev: Device;
  readonly other: Device;
  readonly domain: PagingDomain;
  readonly second: PagingDomain;
  readonly set: PasidSet;
  readonly mm: ReturnType<ReturnType<typeof machine>['process']>['domain'];
}

function rig(): Rig {
  const state = new ObservedState();
  const { iommu, pf, mdevs: [mdev], space, process } = machine({ state, pasidWidth: 8 });
  value(iommu.enableFeature(pf, 'sva'));
  const other = new Device('other', { state, requesterId: 0x0300 });
  const set = value(iommu.allocSet(null, 5));
  return { state, iommu, pf, mdev, other, domain: space('a').domain, second: space('b').domain, set, mm: process('p').domain };
}

/** What is asked for, in order; and the call after what has to be there for it. */
const CALLS: [string, readonly string[], (rig: Rig) => () => Result<unknown>][] = [
  ['probeDevice', ['device_domain_info', 'iommu/pages', 'iommu/pages'], ({ iommu, other }) => () => iommu.probeDevice(other)],
  ['attachDevice', ['iommu/domain-ids', 'iommu/pages', 'iommu/pages'], ({ iommu, pf, domain }) => () => iommu.attachDevice(domain, pf)],
  ['attachDevicePasid', ['pasids', 'dev_pasid_info', 'iommu/domain-ids', 'iommu/pages', 'iommu/pages'], ({ iommu, mdev, domain }) => () => iommu.attachDevicePasid(domain, mdev)],
  ['attachPasid', ['dev_pasid_info', 'iommu/domain-ids', 'iommu/pages', 'iommu/pages'], ({ iommu, mdev, domain, set }) => {
    const pasid = value(set.alloc());
    return () => iommu.attachPasid(domain, mdev, pasid);
  }],
  ['attachPasid of a domain in use', ['dev_pasid_info', 'iommu/pages'], ({ iommu, mdev, domain, set }) => {
    const [first, far] = [value(set.alloc()), value(set.alloc(100))];
    value(iommu.attachPasid(domain, mdev, first));
    return () => iommu.attachPasid(domain, mdev, far);
  }],
  ['replaceDevicePasid', ['dev_pasid_info', 'iommu/domain-ids', 'iommu/pages'], ({ iommu, mdev, domain, second, set }) => {
    const pasid = value(set.alloc());
    value(iommu.attachPasid(domain, mdev, pasid));
    return () => iommu.replaceDevicePasid(second, mdev, pasid);
  }],
  ['allocGlobalPasid', ['pasids'], ({ iommu, mdev }) => () => iommu.allocGlobalPasid(mdev)],
  ['svaBindDevice', ['iommu_sva', 'pasids', 'dev_pasid_info', 'iommu/domain-ids', 'iommu/pages', 'iommu/pages'], ({ iommu, mdev, mm }) => () => iommu.svaBindDevice(mdev, mm)],
  ['svaBindDevice of another device', ['iommu_sva', 'dev_pasid_info'], ({ iommu, pf, mdev, mm }) => {
    value(iommu.svaBindDevice(pf, mm));
    return () => iommu.svaBindDevice(mdev, mm);
  }],
  ['allocSet', ['ioasid_set', 'iommu/set-ids'], ({ iommu }) => () => iommu.allocSet(null, 3)],
  ['set.alloc', ['ioasid_data', 'pasids'], ({ set }) => () => set.alloc()],
  ['set.alloc of a range', ['ioasid_data', 'pasids'], ({ set }) => () => set.alloc(9, 12)],
  ['set.attachSpid', [], ({ set }) => {
    const pasid = value(set.alloc());
    return () => set.attachSpid(pasid, 1);
  }],
];

describe('I4: whatever a call asks for can be refused, and then nothing has changed', () => {
  test.each(CALLS)('%s', (_name, resources, prepare) => {
    for (let nth = 1; nth <= resources.length; nth++) {
      const made = rig();
      const call = prepare(made);
      const before = made.state.snapshot();
      made.state.refuse(nth);
      const result = call();
      expect(result.ok ? 'ok' : result.errno).toMatch(/^(ENOMEM|ENOSPC)$/);
      expect(made.state.requests).toEqual(resources.slice(0, nth));
      expect(made.state.changes(before)).toEqual([]);
      made.state.refuse(0);
      expect(call().ok).toBe(true);
    }
    const made = rig();
    const call = prepare(made);
    made.state.refuse(0);
    expect(call().ok).toBe(true);
    expect(made.state.requests).toEqual(resources);
  });

  test('every refusal of a rule changes nothing either', () => {
    const made = rig();
    const { iommu, pf, mdev, other, domain, set, mm, state } = made;
    const witness = value(iommu.attachDevicePasid(domain, mdev));
    const pasid = value(set.alloc());
    value(set.attachSpid(pasid, 4));
    const held = value(iommu.attachPasid(domain, mdev, pasid));
    const bond = value(iommu.svaBindDevice(mdev, mm));
    const global = value(iommu.allocGlobalPasid(mdev));
    value(iommu.attachPasid(domain, mdev, global));
    for (const each of [witness, held, bond.witness]) each.hold();
    value(iommu.attachDevice(domain, pf));
    const calls: [string, () => Result<unknown>][] = [
      ['EBUSY', () => iommu.attachDevice(domain, pf)], ['ENODEV', () => iommu.attachDevice(domain, mdev)], ['ENODEV', () => iommu.attachDevice(domain, other)],
      ['EBUSY', () => iommu.attachDevicePasid(domain, mdev)], ['ENODEV', () => iommu.attachDevicePasid(domain, other)],
      ['EBUSY', () => iommu.detachDevicePasid(mdev)], ['EBUSY', () => iommu.detachPasid(mdev, pasid)], ['EINVAL', () => iommu.detachPasid(mdev, witness.pasid)],
      ['EBUSY', () => iommu.attachPasid(domain, mdev, pasid)], ['EINVAL', () => iommu.attachPasid(domain, mdev, 200)], ['ENODEV', () => iommu.attachPasid(domain, other, pasid)],
      ['EINVAL', () => iommu.replaceDevicePasid(domain, mdev, witness.pasid)], ['ENODEV', () => iommu.replaceDevicePasid(domain, other, pasid)],
      ['EBUSY', () => iommu.freeGlobalPasid(global)], ['EINVAL', () => iommu.freeGlobalPasid(pasid)], ['EBUSY', () => iommu.svaUnbindDevice(bond)],
      ['EINVAL', () => iommu.svaUnbindDevice({ ...bond, device: pf })], ['ENODEV', () => iommu.svaBindDevice(other, mm)],
      ['EBUSY', () => set.free(pasid)], ['EBUSY', () => set.put(pasid)], ['EINVAL', () => set.free(200)], ['ENOENT', () => set.put(200)], ['ENOENT', () => set.get(200)],
      ['EINVAL', () => set.attachSpid(pasid, 4)], ['ENOENT', () => set.attachSpid(200, 5)], ['ENOENT', () => set.detachSpid(200)], ['ENOENT', () => set.findBySpid(5, { get: true })],
      ['EINVAL', () => set.alloc(5, 4)], ['EBUSY', () => iommu.freeSet(set)], ['ENOSPC', () => iommu.allocSet(null, 1000)], ['EBUSY', () => iommu.releaseDevice(mdev)],
      ['ENODEV', () => iommu.releaseDevice(other)], ['EBUSY', () => iommu.disableFeature(pf, 'sva')], ['ENODEV', () => iommu.enableFeature(other, 'aux')],
      ['ENXIO', () => iommu.resolveGuest(set, mdev, 5)], ['ENXIO', () => iommu.resolveGuest(set, pf, 4)],
    ];
    for (const [errno, call] of calls) {
      const before = state.snapshot();
      const result = call();
      expect([result.ok ? 'ok' : result.errno, state.changes(before)], call.toString()).toEqual([errno, []]);
    }
  });
});
