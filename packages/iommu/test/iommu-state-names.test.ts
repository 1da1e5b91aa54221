import { expect, test } from 'vitest';
import { ObservedState } from '@siov/base/testing';
import { PasidAllocator } from '../src/index.ts';
import { machine, value } from './machine.ts';
import { remapped } from './remapped.ts';

test('each piece of state of IOMMU management has a name of its own, by which two machines are compared', () => {
  const state = new ObservedState();
  const { iommu, pf, mdevs: [a, b], space, process } = machine({ state });
  value(iommu.enableFeature(pf, 'sva'));
  for (const each of [a, b]) {
    value(iommu.svaBindDevice(each, process(`process of ${each.name}`).domain));
    value(iommu.attachDevicePasid(space(`domain of ${each.name}`).domain, each));
  }
  for (const token of [{}, {}]) value(value(iommu.allocSet(token, 2)).alloc());
  value(new PasidAllocator(state, { name: 'others' }).alloc('me'));
  const names = state.current().map(([name]) => name);
  expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  expect(names.filter((name) => name.split('/').includes(''))).toEqual([]);
});

test('so has each of interrupt remapping', () => {
  const state = new ObservedState();
  const { alloc, pf, mdev, remapping } = remapped({ state });
  for (const [index, device] of [pf, mdev].entries()) alloc(device, index);
  value(remapping.posted.alloc());
  const names = state.current().map(([name]) => name);
  expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  expect(names.filter((name) => name.split('/').includes(''))).toEqual([]);
});
