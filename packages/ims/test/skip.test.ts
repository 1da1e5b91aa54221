import { expect, test } from 'vitest';
import { must } from '@siov/base';
import { Device } from '@siov/device';
import { requestIrq, setMsiDomain } from '@siov/irq';
import { createImsDomain } from '../src/index.ts';
import { makeMachine } from './host.ts';
import { allocate, fire, request } from './use.ts';
import { makeHost } from './host.ts';

function makeUnchecked() {
  const machine = makeMachine();
  const { core, pf, parent, storage } = machine;
  return { ...machine, create: () => createImsDomain(core, pf, parent, storage, { validatePasid: false }) };
}

test('R3: entries that check nothing are refused as soon as anybody but the host kernel can submit: EPERM', () => {
  const { pf, create, state } = makeUnchecked();
  const mdev = new Device('mdev0', { state, parent: pf });
  must(mdev.submitters.exposePortal(), 'mapping a portal');
  expect(create()).toMatchObject({ errno: 'EPERM', message: expect.stringContaining('dsa0') });
  expect(pf.submitters.unchecked).toBe(0);
  mdev.submitters.withdrawPortal();
  expect(create()).toMatchObject({ ok: true });
});

test('R3: while such a domain exists no portal is given away; destroyed, portals may be', () => {
  const { pf, create } = makeUnchecked();
  const domain = must(create(), 'domain');
  expect(pf.submitters.exposePortal()).toMatchObject({ errno: 'EPERM' });
  must(domain.destroy(), 'destroying');
  must(domain.destroy(), 'destroying again');
  expect([pf.submitters.unchecked, pf.submitters.exposePortal().ok]).toEqual([0, true]);
});

test('R3: a domain that checks does not care who submits', () => {
  const { pf, core, parent, storage } = makeUnchecked();
  must(pf.submitters.exposePortal(), 'mapping a portal');
  expect(createImsDomain(core, pf, parent, storage, { validatePasid: true })).toMatchObject({ ok: true });
});

test('R2: an entry that checks nothing holds no PASID and serves whoever submits without one; one that checks, only its PASID', () => {
  const { run, core, pf, create, store, executor } = makeUnchecked();
  const msi = must(setMsiDomain(core, pf, must(create(), 'domain'), 'secondary'), 'attaching');
  const { virq, hwirq } = must(run(msi.allocIrqAt(0, null)), 'allocating');
  const handled: number[] = [];
  must(run(requestIrq(core, virq, { name: 'a', devId: 1, handler(irq) { handled.push(irq); return 'handled'; } })), 'requesting');
  expect(store.entry(hwirq)).toMatchObject({ mask: 0, pasidEnable: 0, pasid: 0 });
  expect([fire({ store, executor }, hwirq, null), fire({ store, executor }, hwirq, null)]).toEqual([true, true]);
  expect(handled).toEqual([virq, virq]);

  const host = makeHost();
  const checked = allocate(host, host.mdev(5));
  const seen = request(host, checked.virq);
  expect([null, 4, 6, 5].map((pasid) => fire(host, checked.hwirq, pasid))).toEqual([false, false, false, true]);
  expect(seen).toHaveLength(1);
});
