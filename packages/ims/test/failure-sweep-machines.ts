// Machines for the sweep: with the entries of the store looked at, which are no state of the port.
import { must } from '@siov/base';
import type { ObservedState } from '@siov/base/testing';
import { requestIrq } from '@siov/irq';
import type { MsiDesc } from '@siov/irq';
import type { PasidWitness } from '@siov/device';
import { Device } from '@siov/device';
import type { ImsChip } from '../src/index.ts';
import { makeHost, makeMachine, witnessOf } from './host.ts';
import type { MachineOptions, Variant } from './host.ts';

type Options = MachineOptions & Partial<Variant>;

/** Without a domain. */
export function store(options: Options = {}) {
  return (state: ObservedState) => {
    const machine = makeMachine({ ...options, state });
    return { ...machine, state, outside: (): unknown => [...machine.store.words] };
  };
}

/** With a domain, and a device of which nobody has heard yet. */
export function domain(options: Options = {}) {
  return (state: ObservedState) => {
    const host = makeHost({ ...options, state });
    return {
      ...host,
      state,
      newcomer: new Device('newcomer', { state, parent: host.pf }),
      chip: host.domain.template.chip as ImsChip,
      outside: (): unknown => [...host.store.words],
    };
  };
}

/** And a mediated device with PASID 5. */
export function attached(options: Options = {}) {
  return (state: ObservedState) => {
    const host = domain(options)(state);
    const mdev = host.mdev(5);
    return { ...host, ...mdev, witness: witnessOf(mdev.device) };
  };
}

/** And its interrupt 0. */
export function allocated(options: Options = {}) {
  return (state: ObservedState) => {
    const host = attached(options)(state);
    const desc: MsiDesc<PasidWitness> = must(host.run(host.msi.allocIrqAt(0, host.witness)), 'an interrupt');
    const data = host.core.desc(desc.virq)?.state.data;
    if (data === null || data === undefined) throw new Error('no hierarchy');
    return { ...host, desc, data };
  };
}

export const request = { name: 'a', devId: 'a', handler: () => 'handled' as const };

/** And requested. */
export function requested(options: Options = {}) {
  return (state: ObservedState) => {
    const host = allocated(options)(state);
    must(host.run(requestIrq(host.core, host.desc.virq, request)), 'a request');
    return host;
  };
}
