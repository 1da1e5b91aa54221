// R15 as types: the lines marked are misuse, and what proves it is that they do not compile.
import { expect, test } from 'vitest';
import { must } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import { deviceMsi, setMsiDomain } from '@siov/irq';
import type { DeviceMsi } from '@siov/irq';
import { attachIms, createImsDomain, imsOf } from '../src/index.ts';
import { makeHost, witnessOf } from './host.ts';
import type { makeMachine } from './host.ts';
import { tryAllocate } from './use.ts';

/** What looks like a witness to who does not look closely. */
const lookAlike = { pasid: 5, valid: true, hold() {}, release() {} };

/** Compiled, never called. */
export function misuse(msi: DeviceMsi<PasidWitness>, device: Device, witness: PasidWitness): void {
  // @ts-expect-error -- without a witness
  msi.allocIrqAt(0);
  // @ts-expect-error -- without a witness
  msi.allocIrqAt('any', null);
  // @ts-expect-error -- a number is no witness
  msi.allocIrqAt(0, 5);
  // @ts-expect-error -- nothing else is one either
  msi.allocIrqAt(0, lookAlike);
  // @ts-expect-error -- nor the record of a device that may have none
  msi.allocIrqAt(0, device.iommu.witness);
  // @ts-expect-error -- a range neither
  msi.allocIrqsRange(0, 3, null);
  // @ts-expect-error -- who does not know what the domain wants cannot allocate
  deviceMsi(device, 'secondary')?.allocIrqAt(0, witness);
  // @ts-expect-error -- a view that wants a witness is none that wants anything
  const anything: DeviceMsi<unknown> = msi;
  // @ts-expect-error -- nor one that wants nothing
  const nothing: DeviceMsi<null> = msi;
  msi.allocIrqAt(0, witness);
  imsOf(device)?.allocIrqAt(0, witness);
  deviceMsi(device, 'secondary')?.freeIrqsAll();
  void [anything, nothing];
}

/** Compiled, never called. */
export function misuseOfDomains({ core, pf, parent, storage }: ReturnType<typeof makeMachine>, witness: PasidWitness): void {
  const unchecked = must(createImsDomain(core, pf, parent, storage, { validatePasid: false }), 'domain');
  const msi = must(setMsiDomain(core, pf, unchecked), 'attaching');
  // @ts-expect-error -- an entry that checks nothing takes no PASID
  msi.allocIrqAt(0, witness);
  // @ts-expect-error -- its domain is none that checks
  attachIms(core, pf, unchecked);
  // @ts-expect-error -- nor has it a place for ids
  createImsDomain(core, pf, parent, storage, { validatePasid: false, id: 'device' });
  // @ts-expect-error -- whether entries check is said when the domain is made
  createImsDomain(core, pf, parent, storage, {});
  msi.allocIrqAt(0, null);
}

test('R15: what does compile, works: with a witness there is an interrupt', () => {
  const host = makeHost();
  const mdev = host.mdev(5);
  expect(tryAllocate(host, mdev, 0, witnessOf(mdev.device))).toMatchObject({ ok: true });
});
