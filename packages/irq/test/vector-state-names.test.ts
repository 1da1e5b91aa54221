import { expect, test } from 'vitest';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import { cpuMask, createDeviceMsiDomain, requestIrq } from '../src/index.ts';
import { msixVectors } from './failure-sweep-machines.ts';

test('each piece of state of vectors, MSI and MSI-X has a name of its own, by which two machines are compared', () => {
  const state = new ObservedState();
  const { core, run, msi, table, vectors, all } = msixVectors(state);
  const second = createDeviceMsiDomain(core, new Device('dev2', { state, requesterId: 24 }), vectors.domain, { name: 'SECOND', chip: table, hwsize: 4, slots: 'any' });
  if (!second.ok) throw new Error(second.message);
  for (const each of [msi, second.value]) {
    for (const cpu of [0, 1]) run(each.allocIrqAt('any', null, { mask: cpuMask(cpu), managed: cpu === 1 }));
  }
  for (const virq of [...all.virqs, msi.virq(0), second.value.virq(1)]) run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => 'handled' }));
  const names = state.current().map(([name]) => name);
  expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  expect(names.filter((name) => name.split('/').includes(''))).toEqual([]);
});
