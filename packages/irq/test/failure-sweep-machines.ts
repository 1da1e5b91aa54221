// Machines for the sweep: everything they hold is observed, and what is not state of the port, the hardware and the agents
// started, is looked at too.
import { fail, must, ok } from '@siov/base';
import type { AccessPort, Agent, Steps } from '@siov/base';
import type { ObservedState } from '@siov/base/testing';
import { Device, PciDevice } from '@siov/device';
import { cpuMask, IrqDomain, irqDomainAllocIrq, MsiDomain, pciAllocIrqVectors, pciEnableMsix, remappingMsiParent, requestThreadedIrq, setMsiDomain } from '../src/index.ts';
import type { IrqChip, IrqRequest, MsiAllocInfo, MsiChip, MsiDomainTemplate, MsiMsg } from '../src/index.ts';
import { makeMachine } from './machine.ts';
import type { MachineOptions } from './machine.ts';
import { makeStack } from './stack.ts';

/** Messages written, and the target chosen, when an interrupt is allocated. */
export const EARLY = { flags: { activateEarly: true } } as const;

export function bare(options: MachineOptions = {}) {
  return (state: ObservedState) => {
    const started: [Agent, Steps<unknown>][] = [];
    // State too: an agent that runs is something a call has left behind.
    const agents = state.map<number, string>('agents');
    const machine = makeMachine({ ...options, state, spawn: (agent, steps) => started.push([agent, steps]) });
    const { core, executor } = machine;
    const begin = () => {
      for (const [agent, steps] of started.splice(0)) {
        agents.set(agents.size, agent.name);
        executor.spawn(agent, steps);
      }
    };
    begin();
    return {
      ...machine,
      state,
      run<T>(steps: Steps<T>): T {
        const result = executor.run(machine.agent, steps);
        begin();
        return result;
      },
      /** A masked entry may keep a message: as the kernel, nobody wipes that of an interrupt which was only reserved. */
      outside: (): unknown => machine.table.entries.map(({ masked, pending, message }) => ({ masked, pending, message: masked ? null : message })),
      desc: (virq: number) => must(core.desc(virq) === undefined ? { ok: false, errno: 'EINVAL', message: 'no such irq' } : ok(core.desc(virq)), 'a descriptor') as NonNullable<ReturnType<typeof core.desc>>,
    };
  };
}

export type Bare = ReturnType<ReturnType<typeof bare>>;

/** With interrupt 0 of the device allocated. */
export function allocated(options: MachineOptions = {}) {
  return (state: ObservedState) => {
    const machine = bare(options)(state);
    const virq = machine.alloc(0);
    const desc = machine.desc(virq);
    const { data } = desc.state;
    if (data === null) throw new Error('no hierarchy');
    return { ...machine, virq, irq: desc, data };
  };
}

export const request = (change: Partial<IrqRequest> = {}): IrqRequest => ({ name: 'a', devId: 'a', handler: () => 'handled', ...change });

/** A domain on a level that is no MSI parent: nothing is reserved, and messages are written with their vector at once. */
export function unreserved(state: ObservedState) {
  const machine = domainless(state);
  const level = new IrqDomain<MsiAllocInfo>(state, 'LEVEL', { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: { name: 'LEVEL' }, chipData: null }); } }, machine.vectors.domain);
  const domain = new MsiDomain<null>(machine.core, machine.device, level, { ...machine.template, ...EARLY });
  return { ...machine, msi: must(setMsiDomain(machine.core, machine.device, domain), 'its domain') };
}

/** An interrupt of three levels, each of which needs something to be active. */
export function activatable(state: ObservedState) {
  const machine = bare()(state);
  const active = state.map<string, number>('active');
  const stack = makeStack(['root', 'middle', 'top'].map((name) => ({
    name,
    ops: {
      *activate() {
        if (!state.grant(`${name} activation`)) return fail('ENOSPC', `${name} cannot be activated`);
        active.set(name, 1);
        return ok();
      },
      *deactivate() { active.delete(name); },
    },
  })), state);
  const { state: { data } } = must(machine.run(irqDomainAllocIrq(machine.core, stack.domain, null)), 'an interrupt');
  if (data === null) throw new Error('no hierarchy');
  return { ...machine, data };
}

/** And requested, which gives it a vector. */
export function requested(options: MachineOptions = {}, change: Partial<IrqRequest> = {}) {
  return (state: ObservedState) => {
    const machine = allocated(options)(state);
    must(machine.run(requestThreadedIrq(machine.core, machine.virq, request(change))), 'a request');
    return machine;
  };
}

/** A chip that can everything. */
export const ableChip: MsiChip & IrqChip = {
  name: 'ABLE',
  *irqMask() {},
  *irqUnmask() {},
  *irqWriteMsiMsg(_data: unknown, _message: MsiMsg) {},
  *irqGetIrqchipState() { return ok(false); },
  *irqSetIrqchipState() { return ok(); },
  *irqSetVcpuAffinity() { return ok(); },
};

/** A device without a domain, and a template for one. */
export function domainless(state: ObservedState) {
  const machine = bare()(state);
  const device = new Device('dev1', { state, requesterId: 9 });
  const template: MsiDomainTemplate<null> = { name: 'OWN', chip: machine.table, hwsize: 4, slots: 'by-index' };
  const parent = new IrqDomain<MsiAllocInfo>(state, 'IR', { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: { name: 'IR' }, chipData: null }); } }, machine.vectors.domain, {
    msiParent: remappingMsiParent('IR-'),
  });
  return { ...machine, device, template, parent };
}

const [CAPABILITY, TABLE, VECTORS] = [0x40, 0x800, 3];

/** A function whose only capability is MSI-X, with its table of 3 entries in BAR 2. */
export function pciFunction(state: ObservedState) {
  const machine = bare()(state);
  const [config, bar] = [new Uint8Array(256), new Uint8Array(4096)];
  const view = new DataView(config.buffer);
  config.set([CAPABILITY], 0x34);
  config.set([0x11, 0], CAPABILITY);
  view.setUint16(CAPABILITY + 2, VECTORS - 1, true);
  view.setUint32(CAPABILITY + 4, TABLE | 2, true);
  // As reset leaves it: every entry masked.
  for (let entry = 0; entry < VECTORS; entry++) bar[TABLE + entry * 16 + 12] = 1;
  const device = new PciDevice('dsa0', { state, requesterId: 0x6a01, resources: { config: window(config), bars: { 2: window(bar) } } });
  const parent = machine.vectors.domain as unknown as IrqDomain<MsiAllocInfo>;
  return { ...machine, device, parent, outside: (): unknown => ({ more: machine.outside(), config: [...config], masks: [12, 28, 44].map((at) => bar[TABLE + at]) }) };
}

export function msixOn(state: ObservedState) {
  const machine = pciFunction(state);
  const on = must(machine.run(pciEnableMsix(machine.core, machine.device, machine.parent)), 'MSI-X');
  return { ...machine, on };
}

export function msixVectors(state: ObservedState) {
  const machine = pciFunction(state);
  const all = must(machine.run(pciAllocIrqVectors(machine.core, machine.device, machine.parent)), 'vectors');
  return { ...machine, all };
}

function window(bytes: Uint8Array): AccessPort {
  const view = new DataView(bytes.buffer);
  return {
    *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset); },
    *write(offset, size, value) {
      if (size === 4) view.setUint32(offset, value, true);
      else if (size === 2) view.setUint16(offset, value, true);
      else view.setUint8(offset, value);
    },
    *read64() { return 0n; },
    *write64() {},
  };
}

export const spread = (cpu: number) => ({ mask: cpuMask(cpu), managed: false });
export const managed = (...cpus: number[]) => ({ mask: cpuMask(...cpus), managed: true });
