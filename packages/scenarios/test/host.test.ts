// The host's own choices: whether interrupts are remapped, and when the function compares PASIDs.
import { expect, test } from 'vitest';
import { must } from '@siov/base';
import { COMMAND, CMDSTATUS } from '@siov/datasheet';
import { HostDriver, PhysicalFunction } from '@siov/idxd';
import { buildHost, hostCounters } from '../src/index.ts';

const HK = { name: 'HK', layer: 'scenarios' };

test.each(['off', 'on', 'posted'] as const)('interrupt remapping %s: the function’s own interrupts arrive', (remapping) => {
  const host = buildHost({ remapping });
  const { executor, core, device, interruptParent } = host;
  const before = hostCounters(host);
  const physical = must(executor.run(HK, PhysicalFunction.probe(core, device, interruptParent)), 'probing');
  // Its completion interrupt is what a command waits for.
  expect(CMDSTATUS.error.get(executor.run(HK, physical.command(COMMAND.ENABLE_DEVICE)))).toBe(0);
  expect(hostCounters(host)['irtes']).toBe(remapping === 'off' ? 0 : 9);
  executor.run(HK, physical.remove());
  expect(hostCounters(host)).toEqual(before);
});

test('R4: without interrupt remapping there is no message store, and a failed probe leaves nothing', () => {
  const host = buildHost({ remapping: 'off' });
  const { executor, core, iommu, device, interruptParent } = host;
  const before = hostCounters(host);
  expect(executor.run(HK, HostDriver.probe({ core, iommu, interruptParent }, device))).toMatchObject({ ok: false, errno: 'EINVAL', message: expect.stringContaining('supports no message stores') });
  expect(hostCounters(host)).toEqual(before);
});
