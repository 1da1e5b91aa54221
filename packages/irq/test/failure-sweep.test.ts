import { describe, expect, test } from 'vitest';
import { ObservedState, resourcesAskedIn, SweepRun } from '@siov/base/testing';
import type { GrowthRule } from '@siov/base/testing';
import * as irq from '../src/index.ts';
import { bare } from './failure-sweep-machines.ts';
import { table } from './failure-sweep-table.ts';

const run = new SweepRun(table);

const RULES: readonly GrowthRule[] = [
  [/./, { none: 'a constructor has no way to fail: who makes one at run time has asked for its memory, the others are there from boot' }, /^new /],
  [/^test\/descs$/, { resource: 'irq_desc' }],
  [/^new (lock\/)?test\/irq\d+(\/request|\/counts)?$/, { resource: 'irq_desc' }],
  [/^test\/vectors$|^new test\/irq\d+\/apic$/, { resource: 'apic_chip_data' }],
  [/^test\/irq\d+\.actions$|^new test\/irq\d+\/\w+\/thread$/, { resource: 'irqaction' }],
  [/^new (lock\/)?(dev1|dsa0)\/msi\/(default|secondary)$|^device\/\w+\/attached$/, { resource: 'msi_device_data' }],
  [/^(new )?dev[01]\/msi\/default(\/\d+)?$|^dsa0\/msi\/default$|^new dsa0\/msi\/default\/\d+$/, { resource: 'msi_desc' }],
  [/^new ids\/dev0\/msi\/default\/indices\/count$/, { resource: 'dev0/msi/default/indices' }],
  [/^new domain\/|^domain\/.*\/children$|^new ids\/.*\/slots\/count$/, { resource: 'irq_domain' }],
  [/^new dsa0\/msix\/control$/, { resource: 'msi_domain_template' }],
  [/^agents$/, { resource: 'kthread' }],
  // The outermost level is in the descriptor.
  [/^domain\/test\/vector\/revmap$/, { resource: 'irq_data' }, /^(DeviceMsi\.|pci|IrqDomain\.)/],
  [/^domain\/(root|a|b)\/revmap$/, { resource: 'irq_data' }, /four levels/],
  [/^domain\/LEVEL\/revmap$/, { resource: 'irq_data' }],
  [/^domain\/(TABLE-dev0|OWN-dev1)\/revmap$/, { none: 'the caller of IrqDomain.alloc has the descriptor' }, /^IrqDomain\.alloc$/],
  [/^domain\/.*\/revmap$/, { resource: 'irq_desc' }],
  [/^active$/, { none: 'each level asks for its own activation' }],
];

describe('R6: every failure is clean', () => {
  test.each(run.calls)('%s', (call) => {
    expect(run.report(call).requests.every((resource) => resource.length > 0)).toBe(true);
  });

  test('every public call has a row', () => {
    const { core, vectors, domain, msi } = bare()(new ObservedState());
    expect(run.uncovered(irq, [core, vectors, vectors.domain, domain, msi])).toEqual({ missing: [], unknown: [] });
  });

  // It reads the sources, which are not what they were where a mutation run changes them.
  test.skipIf(process.env['STRYKER_MUTATOR_WORKER'] !== undefined)('every resource was refused', () => {
    expect(run.neverRefused(resourcesAskedIn(new URL('../src/', import.meta.url)))).toEqual([]);
  });

  test('everything that grows was asked for', () => {
    expect(run.unasked(RULES)).toEqual({ grown: [], idle: [] });
  });
});

