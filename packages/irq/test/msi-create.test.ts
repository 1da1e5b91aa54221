import { describe, expect, test } from 'vitest';
import { ModelError, ok, runToCompletion } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import { cpuMask, createDeviceMsiDomain, IrqDomain, MsiDomain, msiDomainOf, remappingMsiParent, setMsiDomain } from '../src/index.ts';
import type { MsiAllocInfo, MsiDomainTemplate, MsiFlags } from '../src/index.ts';
import { makeMachine } from './machine.ts';

const chip = { name: 'test' };

describe('createDeviceMsiDomain', () => {
  const make = (change: Partial<MsiDomainTemplate<null>> = {}) => {
    const state = new ObservedState();
    const machine = makeMachine({ state });
    const device = new Device('pf', { state, requesterId: 16 });
    const template: MsiDomainTemplate<null> = { name: 'PCI-IMS', chip: machine.table, hwsize: 4, slots: 'any', ...change };
    return { ...machine, state, device, template };
  };

  test('a domain of the device’s own, named after it, beside the default one', () => {
    const { core, device, vectors, template, run } = make();
    const first = createDeviceMsiDomain(core, device, vectors.domain, { ...template, name: 'PCI-MSIX', slots: 'by-index' });
    const second = createDeviceMsiDomain(core, device, vectors.domain, template, 'secondary');
    if (!first.ok || !second.ok) throw new Error('not made');
    expect([first.value.domain.name, second.value.domain.name]).toEqual(['PCI-MSIX-pf', 'PCI-IMS-pf']);
    expect([msiDomainOf(device), msiDomainOf(device, 'secondary')]).toEqual([first.value.domain, second.value.domain]);
    for (const msi of [first.value, second.value]) expect(run(msi.allocIrqAt(0, null))).toMatchObject({ ok: true, value: { index: 0, hwirq: 0 } });
    expect([first.value.virq(0), second.value.virq(0)]).toEqual([16, 17]);
    expect(core.desc(17)?.state.data?.chip.name).toBe('PCI-IMS-pf');
  });

  test('EINVAL: a parent that takes no such domains, and more slots than an index can name; EEXIST: the id is taken', () => {
    const { core, device, vectors, template, domain, state } = make();
    const before = state.snapshot();
    expect(createDeviceMsiDomain(core, device, domain.irqDomain, template)).toMatchObject({ errno: 'EINVAL' });
    expect(createDeviceMsiDomain(core, device, vectors.domain, { ...template, hwsize: 65537 })).toMatchObject({ errno: 'EINVAL' });
    expect(state.changes(before)).toEqual([]);
    expect(createDeviceMsiDomain(core, device, vectors.domain, template).ok).toBe(true);
    expect(createDeviceMsiDomain(core, device, vectors.domain, template)).toMatchObject({ errno: 'EEXIST' });
    expect(() => new MsiDomain(core, device, vectors.domain, { ...template, hwsize: 65537 })).toThrow(ModelError);
  });

  test('R4: without remapping the vector domain takes no IMS; with it a domain gets its prefix', () => {
    const { core, device, vectors, template, state } = make({ flags: { pciIms: true } });
    const before = state.snapshot();
    expect(createDeviceMsiDomain(core, device, vectors.domain, template)).toMatchObject({ errno: 'EINVAL', message: expect.stringContaining('IMS') });
    expect(() => new MsiDomain(core, device, vectors.domain, template)).toThrow(ModelError);
    expect(state.changes(before)).toEqual([]);
    const remapping = new IrqDomain(state, 'INTEL-IR', { *alloc() { return ok({ hwirq: 0, chip, chipData: null }); } }, vectors.domain, { msiParent: remappingMsiParent('IR-') });
    const made = createDeviceMsiDomain(core, device, remapping, template);
    expect(made).toMatchObject({ ok: true, value: { domain: { name: 'IR-PCI-IMS-pf', flags: { pciIms: true, mustReactivate: true } } } });
  });

  test('a template that asks for everything gets what its parent supports; one that asks for nothing what it requires', () => {
    const { core, device, vectors, template, state } = make();
    const remapping = new IrqDomain(state, 'INTEL-IR', {}, vectors.domain, { msiParent: remappingMsiParent('IR-') });
    const flagsOn = (parent: typeof remapping, flags: MsiFlags) => new MsiDomain(core, device, parent, { ...template, flags }).flags;
    const both = { activateEarly: true, mustReactivate: true, pciMsix: true, pciMsixAllocDyn: true } as const;
    expect(flagsOn(vectors.domain, { ...both, nomaskQuirk: true })).toEqual({ ...both, nomaskQuirk: true });
    expect(flagsOn(remapping, { ...both, nomaskQuirk: true, pciIms: true })).toEqual({ ...both, pciIms: true });
    expect([flagsOn(vectors.domain, {}), flagsOn(remapping, {})]).toEqual([{ mustReactivate: true, nomaskQuirk: true }, { mustReactivate: true }]);
  });

  test('the chip of a domain has the flags its parent adds', () => {
    const { core, device, vectors, table } = make();
    const plain = { name: 'PLAIN', irqMask: table.irqMask.bind(table), irqUnmask: table.irqUnmask.bind(table), irqWriteMsiMsg: table.irqWriteMsiMsg.bind(table) };
    const remapping = new IrqDomain<MsiAllocInfo>(core.ports.state, 'INTEL-IR', { *alloc(_domain, virq) { return ok({ hwirq: virq, chip, chipData: null }); } }, vectors.domain, { msiParent: remappingMsiParent('IR-') });
    for (const [parent, id] of [[vectors.domain, 'default'], [remapping, 'secondary']] as const) {
      const made = createDeviceMsiDomain(core, device, parent, { name: 'PLAIN', chip: plain, hwsize: 1, slots: 'any' }, id);
      if (!made.ok) throw new Error(made.message);
      const desc = runToCompletion(made.value.allocIrqAt(0, null));
      if (!desc.ok) throw new Error(desc.message);
      expect(core.desc(desc.value.virq)?.state.data?.chip.flags).toEqual({ skipSetWake: true, affinityPreStartup: true });
    }
  });

  test('ENOMEM: whatever the machine refuses, nothing of the domain stays', () => {
    const { core, device, vectors, template, state } = make();
    const seen: string[] = [];
    for (let nth = 1; ; nth++) {
      const before = state.snapshot();
      state.refuse(nth);
      const made = createDeviceMsiDomain(core, device, vectors.domain, template);
      if (made.ok) break;
      seen.push(`${state.requests.at(-1)} ${made.errno}`);
      expect(state.changes(before)).toEqual([]);
    }
    expect(seen).toEqual(['msi_domain_template ENOMEM', 'fwnode ENOMEM', 'irq_domain ENOMEM', 'msi_device_data ENOMEM']);
  });

  test('without reservations a managed interrupt whose CPUs are offline is allocated shut down, and its message not written', () => {
    const { core, device, table, run, state } = make();
    const root = new IrqDomain(state, 'plain', {
      *alloc(_domain, virq) { return ok({ hwirq: virq, chip: { ...chip, irqComposeMsiMsg: () => ({ addressLo: 1, addressHi: 0, data: 1 }) }, chipData: null }); },
    });
    const msi = setMsiDomain(core, device, new MsiDomain<null>(core, device, root, { name: 'EARLY', chip: table, hwsize: 4, slots: 'by-index', flags: { activateEarly: true } }));
    if (!msi.ok) throw new Error(msi.message);
    core.setOnline(cpuMask(0));
    for (const [index, cpu] of [[0, 1], [1, 0]] as const) run(msi.value.allocIrqAt(index, null, { mask: cpuMask(cpu), managed: true }));
    expect([0, 1].map((index) => [core.desc(msi.value.virq(index))?.state.activated, table.entry(index).message.data])).toEqual([[false, 0], [true, 1]]);
  });

  test('a template without a size of its own has 65536 slots', () => {
    const { core, device, vectors, template, run } = make({ hwsize: 0, slots: 'by-index' });
    const made = createDeviceMsiDomain(core, device, vectors.domain, template);
    if (!made.ok) throw new Error(made.message);
    expect(run(made.value.allocIrqAt(65535, null)).ok).toBe(true);
    expect(run(made.value.allocIrqAt(65536, null))).toMatchObject({ errno: 'ERANGE' });
  });
});
