// One PASID for several mediated devices of one function: a guest's processes use all of its devices under one PASID each.
import { expect, test } from 'vitest';
import { machine, outcome, value } from './machine.ts';

test('devices of one function share the table entry of a PASID for one domain; it is cleared when the last is detached', () => {
  const { iommu, mdevs: [a, b], space, write } = machine();
  const { domain, bytes } = space('of the guest');
  const pasid = value(iommu.allocGlobalPasid(a));
  const [first, second] = [value(iommu.attachPasid(domain, a, pasid)), value(iommu.attachPasid(domain, b, pasid))];
  expect([first.device, second.device, iommu.counters.attachments]).toEqual([a, b, 1]);
  second.hold();
  value(iommu.detachPasid(a, pasid));
  expect([first.valid, second.valid, outcome(write(pasid, 5)), bytes[0]]).toEqual([false, true, 'ok', 5]);
  expect([outcome(iommu.freeGlobalPasid(pasid)), outcome(iommu.detachPasid(b, pasid))]).toEqual(['EBUSY', 'EBUSY']);
  second.release();
  value(iommu.detachPasid(b, pasid));
  expect([outcome(write(pasid)), iommu.counters.attachments, outcome(iommu.freeGlobalPasid(pasid))]).toEqual(['EFAULT', 0, 'ok']);
});

test('EBUSY: another domain, and another domain for what is shared; alone it is replaced, and shared as it is then', () => {
  const { iommu, mdevs: [a, b], space, write } = machine();
  const [one, other] = [space('one'), space('other')];
  const pasid = value(iommu.allocGlobalPasid(a));
  value(iommu.attachPasid(one.domain, a, pasid));
  expect(outcome(iommu.attachPasid(other.domain, b, pasid))).toBe('EBUSY');
  value(iommu.attachPasid(one.domain, b, pasid));
  expect([iommu.replaceDevicePasid(other.domain, a, pasid), iommu.replaceDevicePasid(other.domain, b, pasid)].map(outcome)).toEqual(['EBUSY', 'EBUSY']);
  value(write(pasid, 7));
  expect([one.bytes[0], other.bytes[0]]).toEqual([7, 0]);
  value(iommu.detachPasid(b, pasid));
  value(iommu.replaceDevicePasid(other.domain, a, pasid));
  expect([iommu.attachPasid(one.domain, b, pasid), iommu.attachPasid(other.domain, b, pasid)].map(outcome)).toEqual(['EBUSY', 'ok']);
  value(write(pasid, 9));
  expect(other.bytes[0]).toBe(9);
});
