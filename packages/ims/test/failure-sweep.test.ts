import { describe, expect, test } from 'vitest';
import { ok } from '@siov/base';
import { ObservedState, resourcesAskedIn, SweepRun, takes, takesNothing } from '@siov/base/testing';
import type { GrowthRule, SweptCall, SweepTable } from '@siov/base/testing';
import { ImsEntry } from '@siov/datasheet';
import { requestIrq } from '@siov/irq';
import { EntryIds } from '../src/entry-ids.ts';
import * as ims from '../src/index.ts';
import { attachIms, createImsDomain, detachIms, ImsArray, ImsChip, ImsDomain, imsOf, ImsQueue } from '../src/index.ts';
import { allocated, attached, domain, request, requested, store } from './failure-sweep-machines.ts';
import { VARIANTS } from './host.ts';
import type { Variant } from './host.ts';
import { TABLE_OFFSET } from './store.ts';

const LOOKS = 'only looks';
const WRITES = 'writes what is there';
const GIVES_BACK = 'gives back';
const PARTS = 'createImsDomain() asks for its memory';
const RULES_OF_NONE = { id: 'cookie', program: 'startup', validate: () => ok(), ended() {} } as const;
const MESSAGE = { addressLo: 0xfee00000, addressHi: 0, data: 0x41 };
const QUEUE = { storage: 'queue' } as const;
const MASKED = ImsEntry.Control.reset;
/** A vector on any CPU will do where there is none on those it wants. */
const ANYWHERE = { doesWithLess: true };

/** A row for every way to have a store. */
function inEveryWay(call: string, row: (variant: Variant) => SweptCall): SweepTable {
  const open = call.includes('[') ? `${call}, ` : `${call} [`;
  return Object.fromEntries(VARIANTS.map((variant) => [`${open}${variant.storage}, id from the ${variant.id}, programmed at ${variant.program}]`, row(variant)]));
}

const table: SweepTable = {
  'new ImsArray': takesNothing(PARTS, store(), (machine) => void new ImsArray({ port: machine.store.port(), offset: TABLE_OFFSET, size: 1 })),
  'ImsArray.writeControl': takesNothing(WRITES, store(), ({ storage }) => storage.writeControl(0, MASKED)),
  'ImsArray.writeMessage': takesNothing(WRITES, store(), ({ storage }) => storage.writeMessage(0, MESSAGE)),
  'new ImsQueue': takesNothing(PARTS, store(QUEUE), ({ core, driver }) => void new ImsQueue(core, driver)),
  'ImsQueue.open': takesNothing('the entry is part of the descriptor', allocated(QUEUE), ({ storage, desc }) => storage.open?.(desc)),
  'ImsQueue.close': takesNothing(GIVES_BACK, allocated(QUEUE), ({ storage, desc }) => storage.close?.(desc)),
  'ImsQueue.writeControl': takesNothing(WRITES, allocated(QUEUE), ({ storage }) => storage.writeControl(0, MASKED)),
  'ImsQueue.writeMessage': takesNothing(WRITES, allocated(QUEUE), ({ storage }) => storage.writeMessage(0, MESSAGE)),
  'new ImsChip': takesNothing(PARTS, store(), ({ core, storage, state }) => void new ImsChip(core.ports, 'c', storage, new EntryIds(state, 'c', 'cookie'))),
  'ImsChip.resetSlot': takesNothing(WRITES, domain(), ({ chip }) => chip.resetSlot(0)),
  'ImsChip.programSlot': takesNothing(WRITES, allocated(), ({ chip }) => chip.programSlot(0)),
  'ImsChip.isLive': takesNothing(LOOKS, domain(), ({ chip }) => chip.isLive(0)),
  'ImsChip.irqWriteMsiMsg': takesNothing(WRITES, allocated(), ({ chip, data }) => chip.irqWriteMsiMsg(data, MESSAGE)),
  'ImsChip.irqStartup': takesNothing(WRITES, allocated(), ({ chip, data }) => chip.irqStartup(data)),
  'ImsChip.irqMask': takesNothing(WRITES, requested(), ({ chip, data }) => chip.irqMask(data)),
  'ImsChip.irqUnmask': takesNothing(WRITES, requested(), ({ chip, data }) => chip.irqUnmask(data)),
  'ImsChip.irqShutdown': takesNothing(WRITES, requested(), ({ chip, data }) => chip.irqShutdown(data)),
  'ImsChip.irqBusLock': takesNothing('waits', requested(QUEUE), ({ chip, data }) => chip.irqBusLock?.(data)),
  'ImsChip.irqBusSyncUnlock': takesNothing(WRITES, requested(QUEUE), ({ chip, data, driver }) => { void driver.queueLock().next(); return chip.irqBusSyncUnlock?.(data); }),
  'new ImsDomain': takesNothing(PARTS, store(), ({ core, pf, parent, storage }) => void new ImsDomain<null>({ core, owner: pf, parent, storage }, RULES_OF_NONE)),
  'ImsDomain.destroy': takesNothing(GIVES_BACK, domain(), (machine) => machine.domain.destroy()),
  createImsDomain: takes(store(), ({ core, pf, parent, storage }) => createImsDomain(core, pf, parent, storage, { validatePasid: true })),
  'createImsDomain [unchecked]': takes(store(), ({ core, pf, parent, storage }) => createImsDomain(core, pf, parent, storage, { validatePasid: false })),
  attachIms: takes(domain(), ({ core, newcomer, domain: to }) => attachIms(core, newcomer, to)),
  imsOf: takesNothing(LOOKS, attached(), ({ device }) => void imsOf(device)),
  detachIms: takesNothing(GIVES_BACK, attached(), ({ device }) => detachIms(device)),
  ...inEveryWay('attachIms().allocIrqAt', (variant) => takes(attached(variant), ({ msi, witness }) => msi.allocIrqAt(2, witness))),
  ...inEveryWay('attachIms().allocIrqAt [any', (variant) => takes(allocated(variant), ({ msi, witness }) => msi.allocIrqAt('any', witness))),
  ...inEveryWay('attachIms().allocIrqsRange', (variant) => takes(attached(variant), ({ msi, witness }) => msi.allocIrqsRange(1, 3, witness))),
  ...inEveryWay('requestIrq', (variant) => takes(allocated(variant), ({ core, desc }) => requestIrq(core, desc.virq, request), ANYWHERE)),
  'attachIms().freeIrqsRange': takesNothing(GIVES_BACK, allocated(), ({ msi }) => msi.freeIrqsRange(0, 0)),
  'attachIms().freeIrqsAll': takesNothing(GIVES_BACK, allocated(), ({ msi }) => msi.freeIrqsAll()),
  'attachIms().desc': takesNothing(LOOKS, allocated(), ({ msi }) => msi.desc(0)),
  'attachIms().virq': takesNothing(LOOKS, allocated(), ({ msi }) => msi.virq(0)),
};

const RULES: readonly GrowthRule[] = [
  [/./, { none: 'a constructor has no way to fail: createImsDomain() has asked for its memory' }, /^new /],
  // Of this package.
  [/^new ims\/dsa0\/|^new domain\/|^domain\/IR\/children$|^new ids\/.*\/slots\/count$/, { resource: 'ims_data' }],
  [/queue0\/sync0/, { none: 'its caller has the descriptor it is part of' }, /^ImsQueue\.open$/],
  [/^ims\/queue0\/entries$|^new ims\/queue0\/sync\d+$/, { resource: 'msi_desc' }],
  [/^ims\/dsa0\/(ids|live)$/, { resource: 'msi_desc' }, /allocIrq/],
  [/^ims\/dsa0\/(ids|live)$/, { none: 'part of the descriptor of the entry, which is there' }],
  [/^device\/\w+\/attached$/, { none: 'what hangs on a device is part of its MSI data' }],
  // Of the irq core.
  [/^new (lock\/)?newcomer\/msi\/secondary$/, { resource: 'msi_device_data' }],
  [/^h\/descs$|^domain\/IR-IMS-dsa0\/revmap$|^new (lock\/)?h\/irq\d+(\/request|\/counts)?$/, { resource: 'irq_desc' }],
  [/^domain\/.*\/revmap$/, { resource: 'irq_data' }],
  [/^h\/vectors$|^new h\/irq\d+\/apic$/, { resource: 'apic_chip_data' }],
  [/^h\/irq\d+\.actions$|^new h\/irq\d+\/\w+\/thread$/, { resource: 'irqaction' }],
  [/^(new )?mdev0\/msi\/default(\/\d+)?$/, { resource: 'msi_desc' }],
  [/^new ids\/mdev0\/msi\/default\/indices\/count$/, { resource: 'mdev0/msi/default/indices' }],
];

describe('R6: every failure is clean', () => {
  const run = new SweepRun(table);

  test.each(run.calls)('%s', (call) => {
    expect(run.report(call).requests.every((resource) => resource.length > 0)).toBe(true);
  });

  test('every public call has a row', () => {
    const [array, queue] = [domain(), domain(QUEUE)].map((make) => make(new ObservedState()));
    if (array === undefined || queue === undefined) throw new Error('no machines');
    expect(run.uncovered(ims, [array.storage, queue.storage, queue.chip, queue.domain])).toEqual({ missing: [], unknown: ['requestIrq'] });
  });

  // It reads the sources, which are not what they were where a mutation run changes them.
  test.skipIf(process.env['STRYKER_MUTATOR_WORKER'] !== undefined)('every resource was refused', () => {
    expect(run.neverRefused(resourcesAskedIn(new URL('../src/', import.meta.url)))).toEqual([]);
  });

  test('everything that grows was asked for', () => {
    expect(run.unasked(RULES)).toEqual({ grown: [], idle: [] });
  });
});
