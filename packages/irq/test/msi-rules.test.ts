// Rules of MSI domains that no flow shows: what an allocation remembers, what stays after a failure, whose a domain is.
import { describe, expect, test } from 'vitest';
import { fail, ModelError, ok } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { Device } from '@siov/device';
import {
  clearMsiDomain, composeVectorMsg, cpuMask, createDeviceMsiDomain, IrqDomain, MsiDomain, msiDomainOf, parseDmarMsg, parseVectorMsg, remappingMsiParent, setMsiDomain,
} from '../src/index.ts';
import type { ActivateErrno, MsiAllocInfo, MsiDomainTemplate, MsiFlags } from '../src/index.ts';
import { makeMachine } from './machine.ts';

const chip = { name: 'test', irqComposeMsiMsg: () => ({ addressLo: 0xfee00000, addressHi: 0, data: 1 }) };

/** A second device with a domain of its own on a root that does what the test says. */
function onRoot(activation: ActivateErrno | null, flags: MsiFlags, parent?: 'vector' | 'remapping') {
  const state = new ObservedState();
  const machine = makeMachine({ state });
  const { core, vectors, table } = machine;
  const root = new IrqDomain<MsiAllocInfo>(
    state,
    'root',
    { *alloc(_domain, virq) { return ok({ hwirq: virq, chip, chipData: null }); }, *activate() { return activation === null ? ok() : fail(activation, 'no'); } },
    null,
    parent === 'remapping' ? { msiParent: remappingMsiParent('IR-') } : {},
  );
  const device = new Device('dev1', { state, requesterId: 9 });
  const template: MsiDomainTemplate<null> = { name: 'OWN', chip: table, hwsize: 4, slots: 'any', flags };
  const set = setMsiDomain(core, device, new MsiDomain(core, device, parent === 'vector' ? vectors.domain : root, template));
  if (!set.ok) throw new Error(set.message);
  return { ...machine, state, msi: set.value };
}

describe('an allocation', () => {
  test.each<[parent: 'vector' | 'remapping' | undefined, activateEarly: boolean, quirk: boolean]>([
    ['vector', false, true],
    // Reserved first and activated again: such a chip can mask.
    ['vector', true, false],
    ['remapping', false, false],
    ['remapping', true, false],
    [undefined, false, false],
    [undefined, true, false],
  ])('under %s, with early messages %s: moved in two steps %s', (parent, activateEarly, quirk) => {
    const { msi, run } = onRoot(null, { activateEarly }, parent);
    expect(run(msi.allocIrqAt(0, null))).toMatchObject({ ok: true, value: { nomaskQuirk: quirk } });
  });

  test.each(['EINVAL', 'ENOSPC', 'EBUSY'] as const)('with an early message fails as its activation does: %s, and nothing stays', (errno) => {
    const { msi, run, state } = onRoot(errno, { activateEarly: true });
    const before = state.snapshot();
    expect(run(msi.allocIrqAt(0, null))).toEqual({ ok: false, errno, message: 'no' });
    expect(state.changes(before)).toEqual([]);
  });

  test('whose CPUs are offline is activated by itself all the same, unless it is managed: then it waits for one, not activated', () => {
    for (const managed of [false, true]) {
      const { msi, run, core } = onRoot(null, { activateEarly: true });
      core.setOnline(cpuMask(0));
      run(msi.allocIrqAt(0, null, { mask: cpuMask(1), managed }));
      expect(core.desc(msi.virq(0))?.state).toMatchObject({ activated: !managed, managedShutdown: managed });
    }
  });

  test('EINVAL: an activation that no level composes a message for', () => {
    const { msi, run } = onRoot('ENOSYS', { activateEarly: true });
    expect(run(msi.allocIrqAt(0, null))).toEqual({ ok: false, errno: 'EINVAL', message: 'no' });
  });
});

describe('free indices beside the slots', () => {
  const bitmaps = ({ state }: { state: ObservedState }) => state.current().filter(([name]) => name.includes('indices')).length;

  test('are kept from the first time somebody asks for any: the next one makes none, and a given index is asked for there', () => {
    const state = new ObservedState();
    const { msi, run } = makeMachine({ state, hwsize: 8 });
    run(msi.allocIrqAt(3, null));
    expect(bitmaps({ state })).toBe(0);
    run(msi.allocIrqAt('any', null));
    const made = bitmaps({ state });
    expect(made).toBeGreaterThan(0);
    run(msi.allocIrqAt('any', null));
    expect(bitmaps({ state })).toBe(made);
    state.refuse(0);
    run(msi.allocIrqAt(5, null));
    expect(state.requests).toContain('dev0/msi/default/indices');
  });

  test('are not kept when the first one who asked for any got none', () => {
    const state = new ObservedState();
    const { msi, run } = makeMachine({ state, hwsize: 8 });
    state.refuse(3);
    expect(run(msi.allocIrqAt('any', null))).toMatchObject({ errno: 'ENOMEM' });
    expect(state.requests).toEqual(['msi_desc', 'TABLE-dev0/slots', 'dev0/msi/default/indices']);
    state.refuse(0);
    expect(run(msi.allocIrqAt(5, null)).ok).toBe(true);
    expect(state.requests).not.toContain('dev0/msi/default/indices');
  });
});

describe('whose a domain is', () => {
  function shared() {
    const state = new ObservedState();
    const machine = makeMachine({ state });
    const child = new Device('mdev0', { state, parent: machine.owner });
    const set = setMsiDomain(machine.core, child, machine.domain);
    if (!set.ok) throw new Error(set.message);
    return { ...machine, child, childMsi: set.value };
  }

  test('a device that shares one leaves it to the others when it goes', () => {
    const { vectors, domain, child, alloc } = shared();
    alloc(0);
    clearMsiDomain(child);
    expect([msiDomainOf(child), vectors.domain.children]).toEqual([undefined, [domain.irqDomain]]);
  });

  test('a device that shares one is not taken from it with interrupts allocated', () => {
    const { run, child, childMsi, domain } = shared();
    run(childMsi.allocIrqAt(0, null));
    expect(() => clearMsiDomain(child)).toThrow(/mdev0.*default.*1 interrupts/);
    expect(() => clearMsiDomain(child)).toThrow(ModelError);
    expect(msiDomainOf(child)).toBe(domain);
  });

  test('a domain made for a device is seen from its parent; 65536 slots are not too many', () => {
    const { core, vectors, table, domain } = shared();
    const device = new Device('pf', { state: core.ports.state, requesterId: 16 });
    const made = createDeviceMsiDomain(core, device, vectors.domain, { name: 'PCI-IMS', chip: table, hwsize: 65536, slots: 'any' });
    if (!made.ok) throw new Error(made.message);
    expect(made.value.domain.slots.end).toBe(65536);
    expect(vectors.domain.children).toEqual([domain.irqDomain, made.value.domain.irqDomain]);
  });
});

describe('messages', () => {
  test('the largest APIC id has one, the next has none, and who asks is told which', () => {
    const { addressHi, addressLo, data } = composeVectorMsg({ cpu: 0x7fff, vector: 0x41 });
    expect(parseVectorMsg(addressHi, addressLo, data)).toBe(0x7fff41);
    expect(() => composeVectorMsg({ cpu: 0x8000, vector: 0x41 })).toThrow(/APIC id 32768 .*without interrupt remapping/);
  });

  test('of the remapping hardware: every low vector of CPU 0, and none with an extended destination id', () => {
    for (const vector of [0, 1, 255]) expect(parseDmarMsg({ addressHi: 0, addressLo: 0xfee00000, data: vector })).toEqual({ cpu: 0, vector });
    for (const addressLo of [0xfee00020, 0xfee00fe0]) expect(parseDmarMsg({ addressHi: 0x100, addressLo, data: 0x41 })).toBeNull();
  });
});
