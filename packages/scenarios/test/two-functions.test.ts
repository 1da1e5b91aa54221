// One guest with two virtual devices of one function: its kernel has a PASID for each, a process one for both.
import { expect, test } from 'vitest';
import { must, waitUntil } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMPLETION_STATUS, decodeCompletionRecord } from '@siov/datasheet';
import { GuestDriver } from '@siov/guest';
import { AddressSpace } from '@siov/iommu';
import { GuestMachine, hostCounters, mediatedDevices } from '../src/index.ts';

test('both copy at once, under PASIDs of their own; a process has one PASID on both, and its pages once; nothing is left', () => {
  const { host, devices } = mediatedDevices(2, { pasid: true });
  const { executor, state } = host;
  const before = hostCounters(host);
  const guest = new GuestMachine(host, devices.map(({ vfio }) => vfio), { mapPortals: true, cpus: 2 });
  const run = <T>(steps: Steps<T>): T => executor.run(guest.vcpu, steps);
  const drivers = guest.functions.map(({ device, pasids }) => {
    const driver = must(run(GuestDriver.probe(guest.core, device, guest.interruptParent, { pasids })), 'probe');
    must(run(driver.enable()), 'Enable Device');
    for (const queue of driver.queues) must(run(queue.enable()), 'Enable WQ');
    return driver;
  });
  expect(new Set(drivers.map(({ systemPasid }) => systemPasid)).size).toBe(2);

  guest.memory.fill(0x5a, 0x2000, 0x3000);
  const queues = drivers.map(({ queues: [queue] }) => { if (queue === undefined) throw new Error('no queue'); return queue; });
  run((function* (): Steps<void> {
    for (const [each, queue] of queues.entries()) must(yield* queue.copy(0x2000n, BigInt(0x10000 * (each + 1)), 4096, BigInt(0x1000 + 32 * each)), 'submitting');
    yield* waitUntil('both interrupts', () => queues.every(({ interrupts }) => interrupts === 1));
  })());
  for (const each of [0, 1]) {
    expect(decodeCompletionRecord(guest.memory.subarray(0x1000 + 32 * each, 0x1020 + 32 * each)).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(guest.memory.subarray(0x10000 * (each + 1), 0x10000 * (each + 1) + 4096).every((byte) => byte === 0x5a)).toBe(true);
  }

  const held = hostCounters(host);
  const process = new AddressSpace(state, 'process');
  const bonds = guest.functions.map(({ pasids }) => must(run(pasids.bindProcess(process) as Steps<Result<{ pasid: number }>>), 'binding the process'));
  expect([new Set(bonds.map(({ pasid }) => pasid)).size, (hostCounters(host)['pasids'] ?? 0) - (held['pasids'] ?? 0)]).toEqual([1, 1]);
  for (const [each, { pasids }] of guest.functions.entries()) must(run(pasids.unbind(bonds[each] as { pasid: number })), 'unbinding it');
  expect(hostCounters(host)).toEqual(held);

  for (const driver of drivers) must(run(driver.remove()), 'removing the driver');
  for (const { vmm } of guest.functions) executor.run({ name: 'QM', layer: 'vmm' }, vmm.unrealize());
  for (const { vfio } of devices) executor.run({ name: 'QM', layer: 'vmm' }, vfio.release());
  executor.settle();
  expect(hostCounters(host)).toEqual(before);
});
