// What a failed call of the MSI layer says: the device, and the value that broke the rule.
import { describe, expect, test } from 'vitest';
import type { Result, Steps } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import { createDeviceMsiDomain, cpuMask, IrqDomain, setMsiDomain } from '../src/index.ts';
import type { IrqData, MsiDomainTemplate } from '../src/index.ts';
import { msiDomainSetAffinity } from '../src/msi-affinity.ts';
import { makeMachine } from './machine.ts';
import type { Machine } from './machine.ts';

/** A machine of four slots with interrupts 0 and 1 allocated, and what its state refuses next. */
function make(slots: 'by-index' | 'any') {
  const state = new ObservedState();
  const machine = makeMachine({ state, slots });
  for (const index of [0, 1]) machine.alloc(index);
  return { ...machine, state };
}

type Made = Machine & { state: ObservedState };

/** A second device with a domain of the first one's. */
function sharing({ core, state, owner, domain }: Made) {
  const set = setMsiDomain(core, new Device('mdev0', { state, parent: owner }), domain);
  if (!set.ok) throw new Error(set.message);
  return set.value;
}

describe('allocating and freeing', () => {
  test.each<[errno: string, message: string, slots: 'by-index' | 'any', call: (made: Made) => Steps<Result<unknown>>]>([
    ['EINVAL', 'dev0: an affinity mask without CPUs', 'any', ({ msi }) => msi.allocIrqAt(2, null, { mask: 0n, managed: false })],
    ['ENOMEM', 'dev0: no memory for an MSI descriptor', 'any', ({ msi, state }) => { state.refuse(1); return msi.allocIrqAt(2, null); }],
    ['EBUSY', 'dev0/msi/default: interrupt 1 is allocated', 'any', ({ msi }) => msi.allocIrqAt(1, null)],
    ['ERANGE', 'dev0/msi/default: index 65536 is not in 0..65535', 'any', ({ msi }) => msi.allocIrqAt(65536, null)],
    ['ERANGE', 'dev0/msi/default: index -1 is not in 0..65535', 'any', ({ msi }) => msi.allocIrqAt(-1, null)],
    ['ERANGE', 'dev0/msi/default: index 2.5 is not in 0..65535', 'any', ({ msi }) => msi.allocIrqAt(2.5, null)],
    ['ERANGE', 'dev0/msi/default: index NaN is not in 0..65535', 'any', ({ msi }) => msi.allocIrqAt(NaN, null)],
    ['ERANGE', 'dev0/msi/default: index 4 is not in 0..3', 'by-index', ({ msi }) => msi.allocIrqAt(4, null)],
    ['ERANGE', 'dev0/msi/default: index -1 is not in 0..3', 'by-index', ({ msi }) => msi.allocIrqAt(-1, null)],
    ['EINVAL', 'dev0/msi/default: 2..4 is no range of 0..3', 'by-index', ({ msi }) => msi.freeIrqsRange(2, 4)],
    ['EINVAL', 'dev0/msi/default: 3..2 is no range of 0..3', 'by-index', ({ msi }) => msi.allocIrqsRange(3, 2, null)],
    ['EBUSY', 'dev0/msi/default: all 4 indices are allocated', 'by-index', ({ msi, alloc }) => { alloc(2); alloc(3); return msi.allocIrqAt('any', null); }],
    // Another device's, in a domain that is full.
    ['EBUSY', 'TABLE-dev0/slots: 1 is in use', 'by-index', (made) => { made.alloc(2); made.alloc(3); return sharing(made).allocIrqAt(1, null); }],
  ])('%s: %s', (errno, message, slots, call) => {
    const made = make(slots);
    expect(made.run(call(made))).toEqual({ ok: false, errno, message });
  });

  test('an affinity that no level can set names the interrupt', () => {
    const { run } = makeMachine();
    const data = { virq: 17, parent: { chip: { name: 'MUTE' }, parent: null } } as unknown as IrqData;
    expect(run(msiDomainSetAffinity(data, cpuMask(1), false))).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('irq 17') });
  });
});

describe('a device’s own domain', () => {
  const make = () => {
    const state = new ObservedState();
    const machine = makeMachine({ state });
    const template: MsiDomainTemplate<null> = { name: 'PCI-IMS', chip: machine.table, hwsize: 4, slots: 'any' };
    return { ...machine, state, template, device: new Device('pf', { state, requesterId: 16 }) };
  };
  type Own = ReturnType<typeof make>;
  const create = ({ core, device, vectors }: Own, template: MsiDomainTemplate<null>) => createDeviceMsiDomain(core, device, vectors.domain, template);

  test.each<[message: string, call: (own: Own) => Result<unknown>]>([
    ['pf: plain takes no MSI domains of devices', ({ core, device, state, template }) => createDeviceMsiDomain(core, device, new IrqDomain(state, 'plain', {}), template)],
    ['pf: 65537 slots are more than 65536', (own) => create(own, { ...own.template, hwsize: 65537 })],
    ['pf: no memory for its msi_domain_template', (own) => { own.state.refuse(1); return create(own, own.template); }],
    ['pf: no memory for its fwnode', (own) => { own.state.refuse(2); return create(own, own.template); }],
    ['pf: no memory for an irq domain', (own) => { own.state.refuse(3); return create(own, own.template); }],
    ['pf: no memory for its MSI data', (own) => { own.state.refuse(4); return create(own, own.template); }],
    ['pf has a default MSI domain already', (own) => { create(own, own.template); return create(own, own.template); }],
    ['dev0 has a default MSI domain already', ({ core, owner, domain }) => setMsiDomain(core, owner, domain)],
    ['PCI-IMS-pf: its parent domain does not support IMS', (own) => create(own, { ...own.template, flags: { pciIms: true } })],
  ])('%s', (message, call) => {
    expect(call(make())).toMatchObject({ ok: false, message });
  });
});
