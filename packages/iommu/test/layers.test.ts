import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { composeRemappableMsg, Iommu } from '../src/index.ts';
import { noTrace, runToCompletion } from '@siov/base';
import { RID } from './machine.ts';
import { remapped } from './remapped.ts';

/** Package -> files of this one that import it. */
function imports(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const folder = new URL('../src/', import.meta.url);
  for (const file of readdirSync(folder).sort()) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const name of new Set([...text.matchAll(/from '(@siov\/[^']+)'/g)].map(([, each]) => each ?? ''))) found.set(name, [...(found.get(name) ?? []), file]);
  }
  return found;
}

test('R22: PASID management knows no interrupts: only interrupt remapping imports the irq core, and nothing else is imported', () => {
  const own = imports();
  expect([...own.keys()].sort()).toEqual(['@siov/base', '@siov/device', '@siov/irq']);
  expect(own.get('@siov/irq')).toEqual(['interrupt-remapping.ts', 'remappable-message.ts', 'remapping-domain.ts']);
});

test('a descriptor’s double word to the interrupt range, without PASID, meets the same checks as a message', () => {
  const { request, pf, state, remapping, handled, executor } = remapped();
  request(pf, 0);
  const iommu = new Iommu({ state, trace: noTrace, interrupts: remapping });
  const send = (requesterId: number, index: number, pasid: number | null = null) => {
    const { addressLo } = composeRemappableMsg(index);
    const sent = runToCompletion(iommu.dma(requesterId).write(pasid, BigInt(addressLo), new Uint8Array(4)));
    executor.settle();
    return sent.ok;
  };
  expect([send(RID, 0), handled]).toEqual([true, ['dsa0 0']]);
  expect([send(0x6a02, 0), remapping.lastFault?.reason, handled.length]).toEqual([true, 'source-id', 1]);
  expect([send(RID, 0, 5), handled.length]).toEqual([false, 1]);
});
