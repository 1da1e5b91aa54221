// Freeing a range: which interrupts, and in which order, whichever way they are looked up.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { recordTrace } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import type { MsiDesc } from '../src/index.ts';
import { makeMachine } from './machine.ts';

test('frees what is in the range, lowest index first, however they were allocated and however wide the range is', () => {
  const range = fc.tuple(fc.nat(9), fc.nat(40)).map(([first, length]) => [first, first + length] as const);
  fc.assert(fc.property(fc.uniqueArray(fc.nat(12), { maxLength: 8 }), range, (indices, [first, last]) => {
    const freed: number[] = [];
    const { alloc, msi, run } = makeMachine({ hwsize: 16, template: { *freeDesc({ index }: MsiDesc<null>) { freed.push(index); } } });
    for (const index of indices) alloc(index);
    expect(run(msi.freeIrqsRange(first, last)).ok).toBe(true);
    const inRange = (index: number) => index >= first && index <= last;
    expect(freed).toEqual(indices.filter(inRange).sort((a, b) => a - b));
    expect([...msi.descs.keys()]).toEqual(indices.filter((index) => !inRange(index)));
  }));
});

test('allocating and freeing are crossings into the irq layer that name the device and the index', () => {
  const events: TraceEvent[] = [];
  const { msi, run, core, executor } = makeMachine();
  Object.assign(core.ports, { trace: recordTrace(executor, () => 0, (event) => events.push(event)) });
  for (const index of [2, 'any'] as const) run(msi.allocIrqAt(index, null));
  run(msi.freeIrqsAll());
  expect(events.map(({ from, to, operation, values }) => [from, to, operation, values])).toEqual([
    ['driver', 'irq', 'msi_domain_alloc_irq', { device: 'dev0', index: 2 }],
    ['driver', 'irq', 'msi_domain_alloc_irq', { device: 'dev0', index: 'any' }],
    ['driver', 'irq', 'msi_domain_free_irq', { device: 'dev0', index: 0 }],
    ['driver', 'irq', 'msi_domain_free_irq', { device: 'dev0', index: 2 }],
  ]);
});
