import { describe, test } from 'vitest';
import { plainState, runToCompletion } from '@siov/base';
import type { AccessPort, Result } from '@siov/base';
import { PciDevice } from '@siov/device';
import { irqSetVcpuAffinity } from '@siov/irq';
import { enablePciAts, enablePciPasid, enablePciPri, INVALID_PASID, PasidAllocator } from '../src/index.ts';
import { machine, value } from './machine.ts';
import { expectRefusals, scarce } from './refusals.ts';
import { remapped } from './remapped.ts';

describe('what a refusal says', () => {
  test('of PASIDs', () => {
    const pasids = new PasidAllocator(plainState, { width: 3 });
    const mine = value(pasids.alloc('me'));
    pasids.use(mine, 1);
    pasids.use(mine, 1);
    expectRefusals([
      ['nobody’s', pasids.free('me', 5), 'EINVAL', /^PASID 5 is not allocated$/],
      ['another’s', pasids.free('you', mine), 'EINVAL', /^PASID 1 is not allocated to you but to me$/],
      ['in use', pasids.free('me', mine), 'EBUSY', /^PASID 1 is in use by 2 devices$/],
      ['below', pasids.alloc('me', { min: 1, max: 1 }), 'ENOSPC', /up to 1 /],
      ['between', pasids.alloc('me', { min: 8, max: 9 }), 'ENOSPC', /8\.\.9 /],
    ]);
  });

  test('of sets', () => {
    const { state, refusing } = scarce();
    const { iommu, pf, space } = machine({ state, pasidWidth: 4 });
    const mm = { name: 'mm' };
    const set = value(iommu.allocSet(mm, 2));
    const pasid = value(set.alloc());
    value(set.attachSpid(pasid, 70));
    expectRefusals([
      ['no token', iommu.allocSet(null, 1, 'mm'), 'EINVAL', /type mm needs a token/],
      ['absent token', iommu.allocSet(undefined, 1), 'EINVAL', /type mm needs a token/],
      ['a token', iommu.allocSet(mm, 1, 'null'), 'EINVAL', /type null has no token/],
      ['quota', iommu.allocSet(null, 1.5), 'EINVAL', /1\.5 is no quota/],
      ['two of one mm', iommu.allocSet(mm, 1), 'EEXIST', /mm has a PASID set/],
      ['too many', iommu.allocSet(null, 14), 'ENOSPC', /quota of 14 .* 13 PASIDs/],
      ['no memory for a set', refusing('ioasid_set', () => iommu.allocSet(null, 1)), 'ENOMEM', /PASID set/],
      ['no memory', refusing('ioasid_data', () => set.alloc()), 'ENOMEM', /iommu\/set0: no memory/],
      ['range', set.alloc(9, 8), 'EINVAL', /iommu\/set0: 9\.\.8 /],
      ['no id', set.attachSpid(pasid, INVALID_PASID), 'EINVAL', /iommu\/set0: 4294967295 is no/],
      ['no whole id', set.attachSpid(pasid, 1.5), 'EINVAL', /iommu\/set0: 1\.5 is no/],
      ['negative id', set.attachSpid(pasid, -1), 'EINVAL', /iommu\/set0: -1 is no/],
      ['id in use', set.attachSpid(pasid, 70), 'EINVAL', /iommu\/set0: 70 is the name of PASID 1$/],
      ['no name', set.detachSpid(9), 'ENOENT', /iommu\/set0: PASID 9 has no/],
      ['not called', set.findBySpid(71), 'ENOENT', /iommu\/set0: .*71/],
      ['no member', set.free(9), 'EINVAL', /iommu\/set0: PASID 9 is not/],
      ['not empty', iommu.freeSet(set), 'EBUSY', /PASID set 0 has 1 PASIDs/],
    ]);
    value(set.get(pasid));
    value(set.alloc());
    expectRefusals([
      ['references', set.free(pasid), 'EBUSY', /iommu\/set0: PASID 1 has 1 references besides/],
      ['quota used up', set.alloc(), 'ENOSPC', /iommu\/set0: its quota of 2 /],
    ]);
    value(set.put(pasid));
    value(iommu.attachPasid(space('a').domain, pf, pasid));
    expectRefusals([['attached', set.free(pasid), 'EBUSY', /iommu\/set0: PASID 1 is in use by 1 devices/]]);
    const gone = value(iommu.allocSet(null, 1));
    value(iommu.freeSet(gone));
    expectRefusals([['gone', iommu.freeSet(gone), 'EINVAL', /PASID set 1 is not there/]]);
  });

  test('of PCI functions', () => {
    const view = new DataView(new ArrayBuffer(4096));
    const config: AccessPort = {
      *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : view.getUint16(offset, true); },
      *write(offset, size, word) { if (size === 2) view.setUint16(offset, word, true); },
      *read64() { return 0n; },
      *write64() {},
    };
    const device = new PciDevice('dsa7', { state: plainState, requesterId: 1, resources: { config, bars: {} } });
    const pri = () => runToCompletion(enablePciPri(device, 4));
    expectRefusals([
      ['ATS', runToCompletion(enablePciAts(device)), 'EINVAL', /dsa7 has no ATS/],
      ['PRI', pri(), 'EINVAL', /dsa7 has no page request/],
      ['PASID', runToCompletion(enablePciPasid(device)), 'ENODEV', /dsa7 has no PASID/],
    ]);
    for (const [at, id, next] of [[0x100, 0x0f, 0x140], [0x140, 0x13, 0]] as const) view.setUint32(at, (id | (1 << 16) | (next << 20)) >>> 0, true);
    value(runToCompletion(enablePciAts(device)));
    expectRefusals([['ATS on', runToCompletion(enablePciAts(device)), 'EBUSY', /dsa7: ATS is on/], ['PRI busy', pri(), 'EBUSY', /dsa7: .*on their way/]]);
    view.setUint16(0x146, 0x100, true);
    value(pri());
    expectRefusals([['PRI on', pri(), 'EBUSY', /dsa7: page requests are on$/]]);
  });

  test('of remapped and posted interrupts', () => {
    const { state, refusing } = scarce();
    const { core, run, remapping, request, pf } = remapped({ state });
    const { virq } = request(pf, 0);
    const descriptor = value(remapping.posted.alloc());
    const post = (address: bigint, vector: number, at = core) => run(irqSetVcpuAffinity(at, virq, { descriptor: address, vector }));
    value(post(descriptor.address, 0));
    const without = remapped({ posted: false });
    const other = without.request(without.pf, 0).virq;
    const level = core.desc(virq)?.state.data?.parent;
    if (level === undefined || level === null) throw new Error('no such interrupt');
    const alloc = (info: unknown): Result<unknown> => run(remapping.domain.ops.alloc?.(level.domain, 40, info as never, core.desc(virq) as never) as never);
    expectRefusals([
      ['no memory', refusing('irq_2_iommu', () => alloc({ device: pf })), 'ENOMEM', /interrupt remapping: no memory for irq 40$/],
      ['no entry', refusing('iommu/irtes', () => alloc({ device: pf })), 'ENOMEM', /interrupt remapping: all 8 entries/],
      ['no device', alloc(null), 'EINVAL', /irq 40 is for no device/],
      ['nothing below', run(level.chip.irqSetAffinity?.({ ...level, parent: null }, 1n, false) as never), 'EINVAL', new RegExp(`irq ${virq}: nothing below`)],
      ['no vector', post(descriptor.address, 256), 'EINVAL', new RegExp(`irq ${virq}: 256 is no vector`)],
      ['no descriptor', post(0x10n, 1), 'EINVAL', new RegExp(`irq ${virq}: .*0x10$`)],
      ['cannot post', without.run(irqSetVcpuAffinity(without.core, other, { descriptor: descriptor.address, vector: 1 })), 'ENODEV', new RegExp(`irq ${other}: this hardware`)],
      ['named', remapping.posted.free(descriptor), 'EBUSY', /0x100000000 is named by 1 /],
    ]);
    const idle = value(remapping.posted.alloc());
    value(remapping.posted.free(idle));
    expectRefusals([['gone', remapping.posted.free(idle), 'EINVAL', /at 0x100000040$/]]);
  });
});
