// R15 as types: what an interrupt needs is an argument of the call that allocates it. The lines marked below must not
// compile; `tsc` of this package fails if one of them does.
import { expect, test } from 'vitest';
import { fail, ok, plainState } from '@siov/base';
import { Device } from '@siov/device';
import type { PasidWitness } from '@siov/device';
import { deviceMsi, MsiDomain, setMsiDomain } from '../src/index.ts';
import type { DeviceMsi, MsiDomainTemplate } from '../src/index.ts';
import { makeMachine } from './machine.ts';

const { core, table, vectors, run } = makeMachine({ hwsize: 8 });

/** A domain that wants proof of a PASID, on a device that IOMMU management has attached with one. */
function validating() {
  const device = new Device('validating', { state: plainState, requesterId: 24 });
  const state = plainState.record('pasid', { valid: true, held: 0 });
  const writer = device.takeIommuRecord();
  const witness = writer.attach({ pasid: 7, valid: () => state.valid, hold: () => { state.held += 1; }, release: () => { state.held -= 1; } });
  const template: MsiDomainTemplate<PasidWitness> = {
    name: 'IMS', chip: table, hwsize: 4, slots: 'any',
    validate: (_device, cookie) => (cookie.valid ? ok() : fail('EINVAL', 'the PASID is gone')),
    *prepareDesc({ cookie }) { cookie.hold(); return ok(); },
    *freeDesc({ cookie }) { cookie.release(); },
  };
  const set = setMsiDomain(core, device, new MsiDomain(core, device, vectors.domain, template));
  if (!set.ok) throw new Error(set.message);
  return { device, witness, state, msi: set.value };
}

test('R15, R24: with the witness it is allocated, and the cookie is in the descriptor unchanged', () => {
  const { msi, witness, state } = validating();
  expect(run(msi.allocIrqAt(0, witness))).toMatchObject({ ok: true, value: { index: 0 } });
  expect([msi.desc(0)?.cookie, state.held]).toEqual([witness, 1]);
  state.valid = false;
  expect(run(msi.allocIrqAt(1, witness))).toMatchObject({ errno: 'EINVAL' });
  expect(run(msi.freeIrqsAll())).toEqual(ok());
  expect(state.held).toBe(0);
});

/** Never called: that it is rejected is what matters. */
export function doesNotCompile(msi: DeviceMsi<PasidWitness>, none: DeviceMsi<null>, device: Device): void {
  // @ts-expect-error R15: nor hung on a device as a domain that needs nothing
  void setMsiDomain<null>(core, device, msi.domain);
  // @ts-expect-error R15: nor its template be taken for one
  void new MsiDomain<null>(core, device, vectors.domain, msi.domain.template);
  // @ts-expect-error R15: no cookie
  void msi.allocIrqAt(0);
  // @ts-expect-error R15: null proves nothing
  void msi.allocIrqAt(0, null);
  // @ts-expect-error R15: nor does an object of one's own
  void msi.allocIrqAt(0, {});
  // @ts-expect-error R15: nor one that looks like a witness
  void msi.allocIrqAt(0, { pasid: 7, valid: true, hold() {}, release() {} });
  // @ts-expect-error R15: not for a range either
  void msi.allocIrqsRange(0, 1, null);
  // @ts-expect-error R15: found from the device, nobody knows what it needs, so nothing will do
  void deviceMsi(device)?.allocIrqAt(0, null);
  // @ts-expect-error R15: nor can the need be forgotten on the way
  const forgetful: DeviceMsi<unknown> = msi;
  // @ts-expect-error R15: or exchanged for another one
  const other: DeviceMsi<null> = msi;
  // @ts-expect-error R15: an id is not stored by a domain that was made for none
  void none.allocIrqAt(0, 7);
  void [forgetful, other];
}
