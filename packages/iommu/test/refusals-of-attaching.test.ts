import { describe, test } from 'vitest';
import { runToCompletion } from '@siov/base';
import { Device } from '@siov/device';
import { AddressSpace, PagingDomain } from '../src/index.ts';
import { BASE, machine, RID, value } from './machine.ts';
import { expectRefusals, scarce } from './refusals.ts';

function withStranger(options: Parameters<typeof machine>[0] = {}) {
  const made = machine(options);
  return { ...made, stranger: new Device('stranger', { state: made.state, requesterId: 0x7100 }) };
}

describe('what a refusal says', () => {
  test('of a device that is not behind the IOMMU, or no function', () => {
    const { iommu, stranger, mdevs: [mdev], space } = withStranger();
    const { domain } = space('a');
    expectRefusals([
      ['release', iommu.releaseDevice(stranger), 'ENODEV', /stranger is not behind/],
      ['attach', iommu.attachDevice(domain, stranger), 'ENODEV', /stranger is not behind/],
      ['attach, mediated', iommu.attachDevice(domain, mdev), 'ENODEV', /mdev0 .*without PASID/],
      ['PASID', iommu.attachDevicePasid(domain, stranger), 'ENODEV', /stranger is not behind/],
      ['replace', iommu.replaceDevicePasid(domain, stranger, 1), 'ENODEV', /stranger is not behind/],
      ['bind', iommu.svaBindDevice(stranger, new AddressSpace(machine().state, 'mm')), 'ENODEV', /stranger is not behind/],
      ['enable', iommu.enableFeature(mdev, 'sva'), 'ENODEV', /mdev0 is no function/],
      ['disable', iommu.disableFeature(mdev, 'sva'), 'ENODEV', /mdev0 is no function/],
    ]);
  });

  test('of what is attached already, or held', () => {
    const { iommu, pf, mdevs: [a, b], space } = machine();
    const [host, guest, other] = [space('host').domain, space('guest').domain, space('other').domain];
    value(iommu.attachDevice(host, pf));
    const witness = value(iommu.attachDevicePasid(guest, a));
    const pasid = value(iommu.allocGlobalPasid(b));
    value(iommu.attachPasid(guest, b, pasid));
    witness.hold();
    witness.hold();
    expectRefusals([
      ['whole', iommu.attachDevice(other, pf), 'EBUSY', /dsa0 .*host/],
      ['default', iommu.attachDevicePasid(other, a), 'EBUSY', /mdev0 .*PASID 1/],
      ['by number', iommu.attachPasid(other, a, pasid), 'EBUSY', /mdev0: requests of 0x6a01 with PASID 2 /],
      ['detach, held', iommu.detachDevicePasid(a), 'EBUSY', /mdev0: 2 .*PASID 1/],
      ['release', iommu.releaseDevice(b), 'EBUSY', /mdev1 .*1 PASID/],
      ['replace a default one', iommu.replaceDevicePasid(other, a, witness.pasid), 'EINVAL', /mdev0: PASID 1 was not/],
      ['detach a default one', iommu.detachPasid(a, witness.pasid), 'EINVAL', /mdev0: PASID 1 was not/],
      ['somebody else’s PASID', iommu.attachPasid(other, b, witness.pasid), 'EINVAL', /mdev1: PASID 1 is not/],
    ]);
    value(iommu.attachPasid(guest, a, pasid));
    expectRefusals([['replace a shared one', iommu.replaceDevicePasid(other, a, pasid), 'EBUSY', /mdev0: 2 devices .*PASID 2/]]);
  });

  test('of a device that sends fewer bits, and without scalable mode', () => {
    const { iommu, stranger, pf, space } = withStranger({ pasidWidth: 4 });
    value(iommu.probeDevice(stranger, { pasidWidth: 1 }));
    const { domain } = space('a');
    value(iommu.allocGlobalPasid(pf));
    const pasid = value(iommu.allocGlobalPasid(pf));
    const legacy = machine({ scalable: false });
    expectRefusals([
      ['width', iommu.attachPasid(domain, stranger, pasid), 'EINVAL', /stranger .*above 1, and this is 2/],
      ['legacy', legacy.iommu.attachDevicePasid(domain, legacy.pf), 'EOPNOTSUPP', /dsa0: .*scalable mode/],
      ['legacy feature', legacy.iommu.enableFeature(legacy.pf, 'aux'), 'ENODEV', /dsa0: .*scalable mode.* aux/],
    ]);
  });

  test('of features', () => {
    const { iommu, pf, mdevs: [mdev], space, process } = machine();
    const paging = machine({ probe: { pageRequests: true } });
    expectRefusals([
      ['no page requests', iommu.enableFeature(pf, 'iopf'), 'ENODEV', /dsa0 makes no page requests/],
      ['sva before iopf', paging.iommu.enableFeature(paging.pf, 'sva'), 'EINVAL', /dsa0 .*iopf has to be on/],
      ['not on', iommu.disableFeature(pf, 'aux'), 'EINVAL', /dsa0: aux is not on/],
      ['bind', iommu.svaBindDevice(mdev, process('mm').domain), 'EOPNOTSUPP', /mdev0: sva is not on/],
    ]);
    value(paging.iommu.enableFeature(paging.pf, 'iopf'));
    value(paging.iommu.enableFeature(paging.pf, 'sva'));
    value(iommu.enableFeature(pf, 'aux'));
    value(iommu.enableFeature(pf, 'sva'));
    value(iommu.attachDevicePasid(space('guest').domain, mdev));
    value(iommu.svaBindDevice(mdev, process('bound').domain));
    expectRefusals([
      ['iopf twice', paging.iommu.enableFeature(paging.pf, 'iopf'), 'EBUSY', /dsa0: iopf is on/],
      ['iopf under sva', paging.iommu.disableFeature(paging.pf, 'iopf'), 'EBUSY', /dsa0: sva is on/],
      ['aux in use', iommu.disableFeature(pf, 'aux'), 'EBUSY', /dsa0: its mediated devices/],
      ['aux in use, whole', iommu.attachDevice(space('host').domain, pf), 'EBUSY', /dsa0: its mediated devices/],
      ['sva in use', iommu.disableFeature(pf, 'sva'), 'EBUSY', /dsa0 is bound/],
    ]);
  });

  test('of bonds', () => {
    const { iommu, pf, stranger, process, space } = withStranger({ pasidWidth: 4 });
    value(iommu.probeDevice(stranger, { pasidWidth: 1 }));
    for (const each of [pf, stranger]) value(iommu.enableFeature(each, 'sva'));
    value(iommu.attachDevicePasid(space('a').domain, pf));
    const { domain: mm } = process('mm');
    const bond = value(iommu.svaBindDevice(pf, mm));
    expectRefusals([['width', iommu.svaBindDevice(stranger, mm), 'ERANGE', /stranger .*above 1, mm has 2/]]);
    value(iommu.svaUnbindDevice(bond));
    expectRefusals([['again', iommu.svaUnbindDevice(bond), 'EINVAL', /dsa0 is not bound to mm/]]);
  });

  test('of guests’ PASIDs', () => {
    const { iommu, mdevs: [mdev] } = machine();
    const set = value(iommu.allocSet(null, 4));
    const pasid = value(set.alloc());
    value(set.attachSpid(pasid, 70));
    expectRefusals([
      ['no such name', iommu.resolveGuest(set, mdev, 71), 'ENXIO', /mdev0: .*71/],
      ['not attached', iommu.resolveGuest(set, mdev, 70), 'ENXIO', /mdev0 .*PASID 1, the guest's 70/],
    ]);
  });

  test('of a machine that has no more memory, or ids', () => {
    const { state, refusing } = scarce();
    const { iommu, pf, mdevs: [a, b], stranger, space, process } = withStranger({ state });
    const [domain, other] = [space('one').domain, space('other').domain];
    value(iommu.enableFeature(pf, 'sva'));
    const pasid = value(iommu.allocGlobalPasid(b));
    value(iommu.attachPasid(domain, b, pasid));
    expectRefusals([
      ['probe', refusing('device_domain_info', () => iommu.probeDevice(stranger)), 'ENOMEM', /stranger: no memory/],
      ['attach', refusing('dev_pasid_info', () => iommu.attachDevicePasid(domain, a)), 'ENOMEM', /mdev0: .*PASID 2/],
      ['replace', refusing('dev_pasid_info', () => iommu.replaceDevicePasid(other, b, pasid)), 'ENOMEM', /mdev1: .*PASID 1/],
      ['bind', refusing('iommu_sva', () => iommu.svaBindDevice(a, process('mm').domain)), 'ENOMEM', /mdev0: .*mm/],
      ['domain id', refusing('iommu/domain-ids', () => iommu.attachDevicePasid(other, a)), 'ENOSPC', /other: no domain id/],
      ['page', refusing('iommu/pages', () => iommu.attachDevicePasid(other, a)), 'ENOMEM', /iommu: .*remapping table/],
      ['mapping', refusing('vfio_dma', () => domain.map({ iova: 0n, size: 4096n, readable: true, writable: true, memory: domain.mappings[0]?.memory as never })), 'ENOMEM', /one: mapping 0x0\+0x1000/],
    ]);
  });

  test('of a request that was blocked', () => {
    const { iommu, pf } = machine();
    const dma = iommu.dma(pf.requesterId);
    expectRefusals([
      ['with PASID', runToCompletion(dma.write(3, BASE, new Uint8Array(4))), 'EFAULT', /^DMA write at 0x10000 by requester 0x6a01, PASID 3: directory-entry-not-present$/],
      ['without', runToCompletion(iommu.dma(RID + 1).read(null, BASE, new Uint8Array(4))), 'EFAULT', /^DMA read at 0x10000 by requester 0x6a02: context-not-present$/],
    ]);
  });

  test('of mappings', () => {
    const { state, space } = machine();
    const { domain } = space('d');
    const there = domain.mappings[0];
    if (there === undefined) throw new Error('nothing is mapped');
    const full = new PagingDomain(state, 'full', { limit: 0 });
    expectRefusals([
      ['unaligned', domain.map({ ...there, iova: 0x21n }), 'EINVAL', /d: mapping 0x21\+0x2000 .*aligned/],
      ['below 0', domain.map({ ...there, iova: -4096n }), 'EINVAL', /d: mapping 0x-1000\+0x2000 is empty or not aligned/],
      ['no access', domain.map({ ...there, readable: false, writable: false }), 'EINVAL', /d: mapping 0x10000\+0x2000 .*readable/],
      ['past the end', domain.map({ ...there, iova: (1n << 64n) - 4096n }), 'EINVAL', /d: .*2\^64/],
      ['too large', domain.map({ ...there, iova: 0n, size: 12288n }), 'EINVAL', /d: mapping 0x0\+0x3000 .* 8192 bytes/],
      ['overlap', domain.map({ ...there, iova: 0x11000n }), 'EEXIST', /d: mapping 0x11000\+0x2000 overlaps 0x10000\+0x2000/],
      ['full', full.map(there), 'ENOSPC', /full: mapping 0x10000\+0x2000: 0 mappings/],
      ['no mapping', domain.unmap(0x11000n, 4096n), 'ENOENT', /d: 0x11000\+0x1000 is no mapping/],
    ]);
  });
});
