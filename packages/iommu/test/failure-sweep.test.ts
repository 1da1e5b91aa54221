import { describe, expect, test } from 'vitest';
import { bufferMemory, noTrace, ok, runToCompletion } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { ObservedState, resourcesAskedIn, SweepRun, takes, takesNothing } from '@siov/base/testing';
import type { GrowthRule, SweepTable } from '@siov/base/testing';
import { Device, PciDevice } from '@siov/device';
import { irqSetAffinity, irqSetVcpuAffinity, requestIrq, setMsiDomain } from '@siov/irq';
import * as iommu from '../src/index.ts';
import {
  AddressSpace, composeRemappableMsg, enablePciAts, enablePciPasid, enablePciPri, FaultLog, InterruptRemapping, Iommu, iommuDumpText, irteText, isInterruptAddress,
  mayUse, PagingDomain, parseRemappableMsg, PasidAllocator, PasidSet, pciPasidWidth, PostedInterrupts, readIrte, writePosted, writeRemapped,
} from '../src/index.ts';
import type { FaultRecord } from '../src/index.ts';
import { BASE, machine, RID, value } from './machine.ts';
import type { MachineOptions } from './machine.ts';
import { remapped } from './remapped.ts';

const LOOKS = 'only looks';
const PURE = 'computes only';
const GIVES_BACK = 'gives back';
const HARDWARE = 'hardware, with what it has';
const BOOTS = 'there from boot';
const FLAG = 'a bit of what is there';
const FAULT: FaultRecord = { sourceId: RID, code: 5, info: 0n, pasid: null, read: true, privileged: false };

/** Function and mediated devices probed, with address spaces. */
function probed(options: MachineOptions = {}) {
  return (state: ObservedState) => {
    // Few PASIDs: every table of the machine is compared after every failure.
    const made = machine({ pasidWidth: 10, ...options, state });
    return { ...made, state, run: runToCompletion, mdev: made.mdevs[0], spaces: [made.space('a').domain, made.space('b').domain] as const, mm: made.process('mm').domain };
  };
}

function attached(options: MachineOptions = {}) {
  return (state: ObservedState) => {
    const made = probed(options)(state);
    return { ...made, witness: value(made.iommu.attachDevicePasid(made.spaces[0], made.mdev)) };
  };
}

function withPasid(state: ObservedState) {
  const made = probed()(state);
  const pasid = value(made.iommu.allocGlobalPasid(made.pf));
  return { ...made, pasid };
}

function attachedWithPasid(state: ObservedState) {
  const made = withPasid(state);
  return { ...made, witness: value(made.iommu.attachPasid(made.spaces[0], made.pf, made.pasid)) };
}

function sva(state: ObservedState) {
  const made = probed()(state);
  value(made.iommu.enableFeature(made.pf, 'sva'));
  return made;
}

function bound(state: ObservedState) {
  const made = sva(state);
  return { ...made, bond: value(made.iommu.svaBindDevice(made.mdev, made.mm)) };
}

function withSet(state: ObservedState) {
  const made = probed()(state);
  return { ...made, set: value(made.iommu.allocSet(null, 4)) };
}

function withMember(state: ObservedState) {
  const made = withSet(state);
  const pasid = value(made.set.alloc());
  value(made.set.attachSpid(pasid, 9));
  value(made.iommu.attachPasid(made.spaces[0], made.pf, pasid));
  return { ...made, pasid };
}

/** A kernel behind interrupt remapping; the words of the remapping table are state. */
function remapping(state: ObservedState) {
  return { ...remapped({ state, cpus: 2 }), state };
}

function remappedIrq(state: ObservedState) {
  const made = remapping(state);
  const desc = made.request(made.mdev, 0);
  const posted = value(made.remapping.posted.alloc());
  return { ...made, desc, posted, msi: made.of(made.mdev) };
}

/** Config space with the capabilities of ATS, PASIDs and page requests. */
function pciFunction(state: ObservedState) {
  const view = new DataView(new ArrayBuffer(4096));
  for (const [at, id, next] of [[0x100, 0x0f, 0x140], [0x140, 0x1b, 0x160], [0x160, 0x13, 0]] as const) view.setUint32(at, (id | (1 << 16) | (next << 20)) >>> 0, true);
  view.setUint16(0x144, 0x1404, true);
  view.setUint16(0x166, 0x8100, true);
  view.setUint32(0x168, 64, true);
  const config: AccessPort = {
    *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : view.getUint16(offset, true); },
    *write() {},
    *read64() { return 0n; },
    *write64() {},
  };
  return { run: runToCompletion, device: new PciDevice('dsa0', { state, requesterId: 1, resources: { config, bars: {} } }) };
}

const mapping = { iova: 0x100000n, size: 4096n, readable: true, writable: true, memory: bufferMemory(new Uint8Array(4096)) };
const pasids = (state: ObservedState) => ({ run: runToCompletion, allocator: new PasidAllocator(state, { width: 8, reserved: [] }) });
const pasidTaken = (state: ObservedState) => { const made = pasids(state); return { ...made, pasid: value(made.allocator.alloc('me')) }; };
const log = (state: ObservedState) => ({ run: runToCompletion, log: new FaultLog(state, 'log') });
const posting = (state: ObservedState) => { const made = remapping(state); return { ...made, memory: made.remapping.posted }; };
const descriptor = (state: ObservedState) => { const made = posting(state); return { ...made, one: value(made.memory.alloc()) }; };
const words = () => new Uint32Array(8);
const source = { sourceId: RID, qualifier: 0, validation: 1 } as const;

const managementTable: SweepTable = {
  'new Iommu': takesNothing(BOOTS, (state) => ({ state, run: runToCompletion }), ({ state }) => void new Iommu({ state, trace: noTrace })),
  'Iommu.dma': takesNothing(HARDWARE, probed(), ({ iommu: it }) => it.dma(RID)),
  'Iommu.dma().read': takesNothing(HARDWARE, attached(), ({ iommu: it, witness }) => it.dma(RID).read(witness.pasid, BASE, new Uint8Array(4))),
  'Iommu.dma().write': takesNothing(HARDWARE, attached(), ({ iommu: it, witness }) => it.dma(RID).write(witness.pasid, BASE, new Uint8Array(4))),
  'Iommu.probeDevice': takes((state) => ({ ...probed()(state), other: new Device('other', { state, requesterId: 0x7100 }) }), ({ iommu: it, other }) => it.probeDevice(other)),
  'Iommu.probeDevice [mediated]': takes((state) => { const made = probed()(state); return { ...made, other: new Device('other', { state, parent: made.pf }) }; }, ({ iommu: it, other }) => it.probeDevice(other)),
  'Iommu.releaseDevice': takesNothing(GIVES_BACK, probed(), ({ iommu: it, mdev }) => it.releaseDevice(mdev)),
  'Iommu.attachDevice': takes(probed(), ({ iommu: it, pf, spaces: [space] }) => it.attachDevice(space, pf)),
  'Iommu.attachDevice [legacy mode]': takes(probed({ scalable: false }), ({ iommu: it, pf, spaces: [space] }) => it.attachDevice(space, pf)),
  'Iommu.detachDevice': takesNothing(GIVES_BACK, (state) => { const made = probed()(state); value(made.iommu.attachDevice(made.spaces[0], made.pf)); return made; }, ({ iommu: it, pf }) => it.detachDevice(pf)),
  'Iommu.attachDevicePasid': takes(probed(), ({ iommu: it, mdev, spaces: [space] }) => it.attachDevicePasid(space, mdev)),
  'Iommu.attachDevicePasid [another device]': takes(attached(), ({ iommu: it, mdevs: [, other], spaces: [space] }) => it.attachDevicePasid(space, other)),
  'Iommu.detachDevicePasid': takesNothing(GIVES_BACK, attached(), ({ iommu: it, mdev }) => it.detachDevicePasid(mdev)),
  'Iommu.allocGlobalPasid': takes(probed(), ({ iommu: it, pf }) => it.allocGlobalPasid(pf)),
  'Iommu.freeGlobalPasid': takesNothing(GIVES_BACK, withPasid, ({ iommu: it, pasid }) => it.freeGlobalPasid(pasid)),
  'Iommu.attachPasid': takes(withPasid, ({ iommu: it, pf, pasid, spaces: [space] }) => it.attachPasid(space, pf, pasid)),
  'Iommu.replaceDevicePasid': takes(attachedWithPasid, ({ iommu: it, pf, pasid, spaces: [, other] }) => it.replaceDevicePasid(other, pf, pasid)),
  'Iommu.detachPasid': takesNothing(GIVES_BACK, attachedWithPasid, ({ iommu: it, pf, pasid }) => it.detachPasid(pf, pasid)),
  'Iommu.resolveGuest': takesNothing(LOOKS, withMember, ({ iommu: it, set, pf }) => it.resolveGuest(set, pf, 9)),
  ...Object.fromEntries(['attachDevicePasid', 'attachPasid', 'resolveGuest'].flatMap((call) => [
    [`Iommu.${call}().hold`, takesNothing('counts', attached(), ({ witness }) => witness.hold())],
    [`Iommu.${call}().release`, takesNothing('counts', attached(), ({ witness }) => { witness.hold(); witness.release(); })],
  ])),
  'Iommu.enableFeature': takesNothing(FLAG, probed(), ({ iommu: it, pf }) => it.enableFeature(pf, 'sva')),
  'Iommu.disableFeature': takesNothing(FLAG, sva, ({ iommu: it, pf }) => it.disableFeature(pf, 'sva')),
  'Iommu.svaBindDevice': takes(sva, ({ iommu: it, mdev, mm }) => it.svaBindDevice(mdev, mm)),
  'Iommu.svaBindDevice [another device]': takes(bound, ({ iommu: it, pf, mm }) => it.svaBindDevice(pf, mm)),
  'Iommu.svaBindDevice [another process]': takes((state) => { const made = bound(state); return { ...made, mm2: made.process('mm2').domain }; }, ({ iommu: it, mdev, mm2 }) => it.svaBindDevice(mdev, mm2)),
  'Iommu.svaUnbindDevice': takesNothing(GIVES_BACK, bound, ({ iommu: it, bond }) => it.svaUnbindDevice(bond)),
  'Iommu.releaseMm': takesNothing(GIVES_BACK, bound, ({ iommu: it, mm }) => it.releaseMm(mm)),
  'Iommu.allocSet': takes(probed(), ({ iommu: it }) => it.allocSet(null, 4)),
  'Iommu.freeSet': takesNothing(GIVES_BACK, withSet, ({ iommu: it, set }) => it.freeSet(set)),
  'Iommu.dump': takesNothing(LOOKS, attached(), ({ iommu: it }) => it.dump()),
  iommuDumpText: takesNothing(LOOKS, attached(), ({ iommu: it }) => iommuDumpText(it.dump())),
  'new PagingDomain': takesNothing('its owner has its memory', (state) => ({ state, run: runToCompletion }), ({ state }) => void new PagingDomain(state, 'p')),
  'PagingDomain.map': takes(probed(), ({ spaces: [space] }) => space.map(mapping)),
  'PagingDomain.unmap': takesNothing(GIVES_BACK, probed(), ({ spaces: [space] }) => space.unmap(BASE, 8192n)),
  'PagingDomain.unmapAll': takesNothing(GIVES_BACK, probed(), ({ spaces: [space] }) => space.unmapAll()),
  'PagingDomain.translate': takesNothing(HARDWARE, probed(), ({ spaces: [space] }) => void space.translate(BASE, 'read')),
  'new AddressSpace': takesNothing('its owner has its memory', (state) => ({ state, run: runToCompletion }), ({ state }) => void new AddressSpace(state, 'mm2')),
  'new PasidAllocator': takesNothing(BOOTS, (state) => ({ state, run: runToCompletion }), ({ state }) => void new PasidAllocator(state, { width: 8, reserved: [] })),
  'PasidAllocator.owner': takesNothing(LOOKS, pasidTaken, ({ allocator, pasid }) => allocator.owner(pasid)),
  'PasidAllocator.users': takesNothing(LOOKS, pasidTaken, ({ allocator, pasid }) => allocator.users(pasid)),
  'PasidAllocator.list': takesNothing(LOOKS, pasidTaken, ({ allocator }) => allocator.list()),
  'PasidAllocator.alloc': takes(pasids, ({ allocator }) => allocator.alloc('me')),
  'PasidAllocator.alloc [range]': takes(pasids, ({ allocator }) => allocator.alloc('me', { min: 20, max: 30 })),
  'PasidAllocator.free': takesNothing(GIVES_BACK, pasidTaken, ({ allocator, pasid }) => allocator.free('me', pasid)),
  'PasidAllocator.use': takesNothing('counts', pasidTaken, ({ allocator, pasid }) => allocator.use(pasid, 1)),
  'new PasidSet': takesNothing('Iommu.allocSet() asks for its memory', (state) => ({ ...pasids(state), state }), ({ state, allocator }) => void new PasidSet(state, allocator, { id: 0, name: 'set', token: null, quota: 1 })),
  'PasidSet.list': takesNothing(LOOKS, withMember, ({ set }) => set.list()),
  'PasidSet.has': takesNothing(LOOKS, withMember, ({ set, pasid }) => set.has(pasid)),
  'PasidSet.alloc': takes(withSet, ({ set }) => set.alloc()),
  'PasidSet.free': takesNothing(GIVES_BACK, (state) => { const made = withSet(state); return { ...made, pasid: value(made.set.alloc()) }; }, ({ set, pasid }) => set.free(pasid)),
  'PasidSet.get': takesNothing('counts', withMember, ({ set, pasid }) => set.get(pasid)),
  'PasidSet.put': takesNothing('counts', withMember, ({ set, pasid }) => { value(set.get(pasid)); return set.put(pasid); }),
  'PasidSet.attachSpid': takesNothing('part of what the PASID came with', withMember, ({ set, pasid }) => set.attachSpid(pasid, 10)),
  'PasidSet.detachSpid': takesNothing(GIVES_BACK, withMember, ({ set, pasid }) => set.detachSpid(pasid)),
  'PasidSet.findBySpid': takesNothing(LOOKS, withMember, ({ set }) => set.findBySpid(9)),
  'PasidSet.subscribe': takesNothing('the subscriber brings its notifier_block', withSet, ({ set }) => void set.subscribe(() => {})),
  enablePciAts: takesNothing(FLAG, pciFunction, ({ device }) => enablePciAts(device)),
  enablePciPri: takesNothing(FLAG, pciFunction, ({ device }) => enablePciPri(device, 8)),
  enablePciPasid: takesNothing(FLAG, pciFunction, ({ device }) => enablePciPasid(device)),
  pciPasidWidth: takesNothing(LOOKS, pciFunction, ({ device }) => pciPasidWidth(device)),
  'new FaultLog': takesNothing(BOOTS, (state) => ({ state, run: runToCompletion }), ({ state }) => void new FaultLog(state, 'log')),
  'FaultLog.record': takesNothing(HARDWARE, log, (made) => made.log.record(FAULT)),
  'FaultLog.take': takesNothing(HARDWARE, log, (made) => { made.log.record(FAULT); return made.log.take(); }),
  'FaultLog.clearOverflow': takesNothing(HARDWARE, log, (made) => made.log.clearOverflow()),
};

const interruptTable: SweepTable = {
  'new InterruptRemapping': takesNothing(BOOTS, remapping, ({ vectors, state, core }) => void new InterruptRemapping({ state, trace: core.ports.trace }, vectors, { size: 8 })),
  'InterruptRemapping.entries': takesNothing(LOOKS, remappedIrq, ({ remapping: it }) => it.entries()),
  'InterruptRemapping.message': takesNothing(HARDWARE, remappedIrq, ({ remapping: it, desc }) => {
    const { addressHi, addressLo, data } = desc.message;
    it.message(RID, addressHi, addressLo, data);
  }),
  'setMsiDomain [remapped]': takes(
    (state) => { const made = remapping(state); return { ...made, other: new Device('other', { state, parent: made.pf }) }; },
    ({ core, of, pf, other }) => { const set = setMsiDomain(core, other, of(pf).domain); return set.ok ? ok() : set; },
  ),
  'DeviceMsi.allocIrqAt [remapped]': takes(remapping, ({ of, mdev }) => of(mdev).allocIrqAt(0, null)),
  'DeviceMsi.allocIrqsRange [remapped]': takes(remapping, ({ of, mdev }) => of(mdev).allocIrqsRange(0, 2, null)),
  'DeviceMsi.freeIrqsAll [remapped]': takesNothing(GIVES_BACK, (state) => { const made = remapping(state); made.alloc(made.mdev, 0); return made; }, ({ of, mdev }) => of(mdev).freeIrqsAll()),
  'requestIrq [remapped]': takes(
    (state) => { const made = remapping(state); return { ...made, desc: made.alloc(made.mdev, 0) }; },
    ({ core, desc }) => requestIrq(core, desc.virq, { name: 'a', devId: 'a', handler: () => 'handled' }),
    { doesWithLess: true },
  ),
  'irqSetAffinity [remapped]': takes(remappedIrq, ({ core, desc }) => irqSetAffinity(core, desc.virq, 2n)),
  'irqSetVcpuAffinity [remapped]': takesNothing('the descriptor is its owner’s', remappedIrq, ({ core, desc, posted }) => irqSetVcpuAffinity(core, desc.virq, { descriptor: posted.address, vector: 5 })),
  'new PostedInterrupts': takesNothing(BOOTS, (state) => ({ state, run: runToCompletion }), ({ state }) => void new PostedInterrupts(state, 'p', { raise() {} })),
  'PostedInterrupts.alloc': takes(posting, ({ memory }) => memory.alloc()),
  'PostedInterrupts.free': takesNothing(GIVES_BACK, descriptor, ({ memory, one }) => memory.free(one)),
  'PostedInterrupts.find': takesNothing(LOOKS, descriptor, ({ memory, one }) => memory.find(one.address)),
  'PostedInterrupts.use': takesNothing('counts', descriptor, ({ memory, one }) => memory.use(one.address, 1)),
  'PostedInterrupts.post': takesNothing(HARDWARE, descriptor, ({ memory, one }) => memory.post(1, Number(one.address & 0xffffffffn), 40, false)),
  'PostedInterrupts.alloc().notify': takesNothing(FLAG, descriptor, ({ one }) => one.notify(0, 0xf2)),
  'PostedInterrupts.alloc().suppress': takesNothing(FLAG, descriptor, ({ one }) => one.suppress()),
  'PostedInterrupts.alloc().resume': takesNothing(FLAG, descriptor, ({ one }) => one.resume()),
  'PostedInterrupts.alloc().take': takesNothing(HARDWARE, descriptor, ({ one }) => one.take()),
  composeRemappableMsg: takesNothing(PURE, pasids, () => composeRemappableMsg(3)),
  parseRemappableMsg: takesNothing(PURE, pasids, () => parseRemappableMsg(0, 0xfee00000, 0)),
  isInterruptAddress: takesNothing(PURE, pasids, () => isInterruptAddress(0, 0xfee00000)),
  mayUse: takesNothing(PURE, pasids, () => mayUse(1, 0, RID, RID)),
  readIrte: takesNothing(PURE, pasids, () => readIrte(words(), 0)),
  writePosted: takesNothing(PURE, pasids, () => writePosted(words(), 0, source, { descriptor: 64n, vector: 40 })),
  writeRemapped: takesNothing(PURE, pasids, () => writeRemapped(words(), 0, source, { cpu: 0, vector: 40 })),
  irteText: takesNothing(PURE, remappedIrq, ({ remapping: it }) => it.entries().map(irteText)),
};

const RULES: readonly GrowthRule[] = [
  [/./, { none: 'a constructor has no way to fail: what it makes is there from boot, or its caller has asked for it' }, /^new /],
  // Devices and what they are attached to.
  [/^iommu\/(devices|requesters)$|^new iommu\/device\/\w+$|^device\/other\/attached$/, { resource: 'device_domain_info' }, /^Iommu\./],
  [/^iommu\/page-words$|^new iommu\/page\d+$/, { resource: 'iommu/pages' }],
  [/^iommu\/domains(-by-address)?$/, { resource: 'iommu/domain-ids' }],
  [/^iommu\/whole-devices$/, { none: 'a pointer in what is kept of the device' }],
  [/^iommu\/entries$|^iommu\/device\/\w+$|^new iommu\/attachment\//, { resource: 'dev_pasid_info' }],
  [/^iommu\/features$/, { none: 'bits in what is kept of the device' }],
  [/^iommu\/bound-mms$/, { resource: 'iommu_sva' }],
  [/^iommu\/domain\/a\.mappings$/, { resource: 'vfio_dma' }],
  // PASIDs.
  [/^pasids\/allocated$/, { resource: 'pasids' }],
  [/^iommu\/set0\/members$/, { resource: 'ioasid_data' }],
  [/^iommu\/sets$|^new iommu\/set0\//, { resource: 'ioasid_set' }],
  [/^iommu\/set0\/subscribers\.list$/, { none: 'the subscriber brings its notifier_block' }],
  // Interrupts.
  [/^new iommu\/irq_2_iommu\/\d+$/, { resource: 'irq_2_iommu' }],
  [/^iommu\/posted\/descriptor-entries$/, { none: 'counts in the descriptor' }],
  [/^h\/cpu\d+\/vector_cleanup\.moved$/, { none: 'a link in the apic_chip_data' }],
  [/^h\/descs$|^domain\/IR-T-dsa0\/revmap$|^new (lock\/)?h\/irq\d+(\/request|\/counts)?$/, { resource: 'irq_desc' }],
  [/^domain\/h\/vector\/revmap$/, { resource: 'irq_data' }],
  [/^h\/vectors$|^new h\/irq\d+\/apic$/, { resource: 'apic_chip_data' }],
  [/^h\/irq\d+\.actions$|^new h\/irq\d+\/\w+\/thread$/, { resource: 'irqaction' }],
  [/^new (lock\/)?other\/msi\/default$|^device\/other\/attached$/, { resource: 'msi_device_data' }, /^setMsiDomain/],
  [/^(new )?mdev0\/msi\/default(\/\d+)?$/, { resource: 'msi_desc' }],
];

describe('R6: every failure is clean', () => {
  const run = new SweepRun({ ...managementTable, ...interruptTable });

  test.each(run.calls)('%s', (call) => {
    expect(run.report(call).requests.every((resource) => resource.length > 0)).toBe(true);
  });

  test('every public call has a row', () => {
    const state = new ObservedState();
    const [management, interrupts, { set }] = [probed()(state), posting(state), withSet(state)];
    const { allocator } = pasids(state);
    const instances = [management.iommu, management.mm, management.spaces[0], set, allocator, interrupts.remapping, interrupts.memory, management.iommu.faultLog];
    const elsewhere = ['setMsiDomain', 'DeviceMsi.allocIrqAt', 'DeviceMsi.allocIrqsRange', 'DeviceMsi.freeIrqsAll', 'requestIrq', 'irqSetAffinity', 'irqSetVcpuAffinity'];
    expect(run.uncovered(iommu, instances)).toEqual({ missing: [], unknown: elsewhere });
  });

  // It reads the sources, which are not what they were where a mutation run changes them.
  test.skipIf(process.env['STRYKER_MUTATOR_WORKER'] !== undefined)('every resource was refused', () => {
    expect(run.neverRefused(resourcesAskedIn(new URL('../src/', import.meta.url)), { 'pasid.ts': /^pasids$/ })).toEqual([]);
  });

  test('everything that grows was asked for', () => {
    expect(run.unasked(RULES)).toEqual({ grown: [], idle: [] });
  });
});
