import { describe, expect, test } from 'vitest';
import { Executor, ModelError, recordTrace } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { Device } from '@siov/device';
import { iommuDumpText, PasidAllocator } from '../src/index.ts';
import { machine, outcome, RID, value } from './machine.ts';

/** A second function with a mediated device of its own. */
function twoFunctions() {
  const made = machine();
  const function2 = new Device('dsa1', { state: made.state, requesterId: 0x0500 });
  const mdev2 = new Device('other', { state: made.state, parent: function2 });
  for (const each of [function2, mdev2]) value(made.iommu.probeDevice(each));
  for (const each of [made.pf, function2]) for (const feature of ['sva', 'aux'] as const) value(made.iommu.enableFeature(each, feature));
  return { ...made, function2, mdev2 };
}

describe('features', () => {
  test('are a function’s own: what is attached or bound behind another one does not keep them on', () => {
    const { iommu, pf, mdev2, function2, space, process } = twoFunctions();
    value(iommu.attachDevicePasid(space('guest').domain, mdev2));
    value(iommu.svaBindDevice(mdev2, process('mm').domain));
    expect([iommu.disableFeature(function2, 'aux'), iommu.disableFeature(function2, 'sva')].map(outcome)).toEqual(['EBUSY', 'EBUSY']);
    expect([iommu.disableFeature(pf, 'aux'), iommu.disableFeature(pf, 'sva')].map(outcome)).toEqual(['ok', 'ok']);
  });

  test('are kept on by their own use only: aux by domains of mediated devices, sva by bonds', () => {
    const { iommu, pf, mdevs: [mdev], space, process } = twoFunctions();
    const bond = value(iommu.svaBindDevice(pf, process('mm').domain));
    expect([iommu.disableFeature(pf, 'sva'), iommu.disableFeature(pf, 'aux')].map(outcome)).toEqual(['EBUSY', 'ok']);
    value(iommu.svaUnbindDevice(bond));
    value(iommu.enableFeature(pf, 'aux'));
    value(iommu.attachDevicePasid(space('guest').domain, mdev));
    expect([iommu.disableFeature(pf, 'aux'), iommu.disableFeature(pf, 'sva')].map(outcome)).toEqual(['EBUSY', 'ok']);
  });

  test('are forgotten with the last device of the function, not before', () => {
    const { iommu, pf, mdevs } = machine();
    const features = () => iommu.dump().devices.map((each) => each.features);
    value(iommu.enableFeature(pf, 'sva'));
    for (const [index, mdev] of mdevs.entries()) {
      value(iommu.releaseDevice(mdev));
      expect(features()).toEqual(Array.from({ length: 2 - index }, () => ['sva']));
    }
    value(iommu.releaseDevice(pf));
    value(iommu.probeDevice(pf));
    expect(features()).toEqual([[]]);
  });
});

describe('domain ids', () => {
  test('the id of a whole device’s domain is free when it is detached', () => {
    const { iommu, pf, mdevs: [mdev], space } = machine();
    value(iommu.attachDevice(space('host').domain, pf));
    iommu.detachDevice(pf);
    value(iommu.attachDevicePasid(space('guest').domain, mdev));
    expect(iommu.dump().devices[1]?.attachments).toMatchObject([{ domain: 'guest', domainId: 1 }]);
  });

  test('of a domain that devices share is free when the last of them is detached, also after it was replaced', () => {
    const { iommu, pf, mdevs: [a, b], space, process } = machine();
    const domainIdOf = (name: string) => iommu.dump().devices.flatMap(({ attachments }) => attachments).find(({ domain }) => domain === name)?.domainId;
    value(iommu.enableFeature(pf, 'sva'));
    const { domain: mm } = process('mm');
    for (const bond of [a, b, pf].map((each) => value(iommu.svaBindDevice(each, mm)))) {
      expect(domainIdOf('mm')).toBe(1);
      value(iommu.svaUnbindDevice(bond));
    }
    const pasid = value(iommu.allocGlobalPasid(a));
    const [{ domain: shared }, { domain: next }] = [space('shared'), space('next')];
    for (const each of [a, b]) value(iommu.attachPasid(shared, each, pasid));
    value(iommu.detachPasid(b, pasid));
    expect(domainIdOf('shared')).toBe(1);
    value(iommu.replaceDevicePasid(next, a, pasid));
    expect(domainIdOf('next')).toBe(2);
    value(iommu.attachDevicePasid(space('last').domain, b));
    expect([domainIdOf('last'), outcome(iommu.detachPasid(a, pasid)), iommu.counters.attachments]).toEqual([1, 'ok', 1]);
  });
});

describe('devices that are not behind the IOMMU', () => {
  test('detach nothing, whatever their requester id and whoever else they are attached to; no guest’s PASID is resolved for them', () => {
    const { iommu, pf, state, space, write } = machine();
    const twin = new Device('twin', { state, requesterId: RID });
    value(iommu.attachDevice(space('host').domain, pf));
    iommu.detachDevice(twin);
    const elsewhere = machine();
    const witness = value(elsewhere.iommu.attachDevicePasid(elsewhere.space('guest').domain, elsewhere.pf));
    expect([iommu.detachDevicePasid(elsewhere.pf), iommu.detachPasid(elsewhere.pf, witness.pasid)].map(outcome)).toEqual(['ok', 'ok']);
    expect([outcome(write(null)), witness.valid]).toEqual(['ok', true]);
    const set = value(iommu.allocSet(null, 1));
    value(set.attachSpid(value(set.alloc()), 7));
    expect(outcome(iommu.resolveGuest(set, twin, 7))).toBe('ENXIO');
  });

  test('are bound no more: EINVAL', () => {
    const { iommu, pf, mdevs: [mdev], process } = machine();
    value(iommu.enableFeature(pf, 'sva'));
    const bond = value(iommu.svaBindDevice(mdev, process('mm').domain));
    value(iommu.svaUnbindDevice(bond));
    value(iommu.releaseDevice(mdev));
    expect(outcome(iommu.svaUnbindDevice(bond))).toBe('EINVAL');
  });
});

test('attaching and detaching are crossings into IOMMU management, for who traces', () => {
  const events: TraceEvent[] = [];
  const { iommu, mdevs: [mdev], space } = machine({ ports: { trace: recordTrace(new Executor(), () => 0, (event) => events.push(event)) } });
  value(iommu.attachDevicePasid(space('guest').domain, mdev));
  value(iommu.detachDevicePasid(mdev));
  expect(events.map(({ to, operation, values }) => [to, operation, values])).toEqual([
    ['iommu', 'attach_device_pasid', { device: 'mdev0', domain: 'guest' }],
    ['iommu', 'detach_device_pasid', { device: 'mdev0' }],
  ]);
});

test('the text of a dump: several features, ids of four digits, PASIDs of several devices, and those without a guest’s name', () => {
  const { iommu, function2, mdev2, space } = twoFunctions();
  const pasid = value(iommu.allocGlobalPasid(function2));
  const { domain } = space('guest');
  for (const each of [mdev2, function2]) value(iommu.attachPasid(domain, each, pasid));
  const set = value(iommu.allocSet(null, 3));
  value(set.alloc());
  const text = iommuDumpText(iommu.dump());
  for (const line of [
    'dsa1 (requester 0x0500) [sva aux], without PASID: nothing',
    'PASID 1: global, 2 devices',
    'PASID 2: iommu/set0, 0 devices',
    '  PASID 2, 1 references',
  ]) expect(text.split('\n')).toContain(line);
});

describe('PASID allocators', () => {
  test('nobody uses what nobody has: the count is 0, and one more is a programmer’s mistake', () => {
    const pasids = new PasidAllocator(machine().state, { width: 4 });
    expect(pasids.users(5)).toBe(0);
    expect(() => pasids.use(5, 1)).toThrow(ModelError);
  });

  test.each([[0], [-1], [21], [1.5]])('a width of %d is none', (width) => {
    expect(() => new PasidAllocator(machine().state, { width })).toThrow(`PASID width ${width} is not in 1..20`);
  });
});
