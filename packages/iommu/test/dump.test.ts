import { expect, test } from 'vitest';
import { iommuDumpText } from '../src/index.ts';
import { machine, RID, value } from './machine.ts';

test('a dump has every device, attachment, PASID and set, and its text a line for each', () => {
  const { iommu, pf, mdevs: [a, b], space, process } = machine();
  value(iommu.enableFeature(pf, 'sva'));
  value(iommu.attachDevice(space('host').domain, pf));
  value(iommu.attachDevicePasid(space('guest').domain, a)).hold();
  const set = value(iommu.allocSet({}, 5));
  const host = value(set.alloc());
  value(set.attachSpid(host, 70));
  value(iommu.attachPasid(space('nested').domain, b, host));
  value(iommu.svaBindDevice(pf, process('daemon').domain));
  expect(iommu.dump()).toEqual({
    scalable: true,
    devices: [
      { device: 'dsa0', requesterId: RID, mediated: false, domain: 'host', features: ['sva'], attachments: [{ pasid: 3, kind: 'sva', domain: 'daemon', domainId: 4, holds: 0 }] },
      { device: 'mdev0', requesterId: RID, mediated: true, domain: null, features: ['sva'], attachments: [{ pasid: 1, kind: 'default', domain: 'guest', domainId: 2, holds: 1 }] },
      { device: 'mdev1', requesterId: RID, mediated: true, domain: null, features: ['sva'], attachments: [{ pasid: 2, kind: 'pasid', domain: 'nested', domainId: 3, holds: 0 }] },
    ],
    pasids: [{ pasid: 1, owner: 'default', users: 1 }, { pasid: 2, owner: 'iommu/set0', users: 1 }, { pasid: 3, owner: 'mm', users: 1 }],
    sets: [{ id: 0, quota: 5, members: [{ pasid: 2, spid: 70, references: 1 }] }],
  });
  expect(iommuDumpText(iommu.dump())).toBe(`scalable mode
dsa0 (requester 0x6a01) [sva], without PASID: host
  PASID 3 (sva): daemon, domain id 4
mdev0 (requester 0x6a01) [sva], mediated
  PASID 1 (default): guest, domain id 2, held by 1
mdev1 (requester 0x6a01) [sva], mediated
  PASID 2 (pasid): nested, domain id 3
PASID 1: default, 1 device
PASID 2: iommu/set0, 1 device
PASID 3: mm, 1 device
set 0: 1 of 5
  PASID 2 is the guest's 70, 1 references
`);
  const legacy = machine({ scalable: false });
  expect(iommuDumpText(legacy.iommu.dump())).toMatch(/^legacy mode\ndsa0 \(requester 0x6a01\), without PASID: nothing\n/);
});
