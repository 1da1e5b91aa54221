// A kernel, the hardware of a message store reached as a table or through a queue, and devices whose PASID a stand-in for
// IOMMU management attaches and detaches.
import { Executor, ModelClock, ModelError, ok, plainState, recordTrace } from '@siov/base';
import type { Agent, StatePort, Steps, TraceEvent } from '@siov/base';
import { Device } from '@siov/device';
import type { PasidWitness } from '@siov/device';
import { IrqCore, IrqDomain, parseVectorMsg, remappingMsiParent, VectorDomain } from '@siov/irq';
import type { MsiAllocInfo } from '@siov/irq';
import { attachIms, createImsDomain, ImsArray, ImsQueue } from '../src/index.ts';
import type { CheckedOptions, ImsStorage } from '../src/index.ts';
import { FakeIommu } from './iommu.ts';
import { QueueDriver } from './queue-driver.ts';
import { MessageStore, TABLE_OFFSET } from './store.ts';
import type { StoredWrite } from './store.ts';

/** A way to have a store: where it is, where ids are from, and when entries get them. */
export interface Variant {
  readonly storage: 'array' | 'queue';
  readonly id: NonNullable<CheckedOptions['id']>;
  readonly program: NonNullable<CheckedOptions['program']>;
}

/** Every way; `String(variant)` names it. */
export const VARIANTS: readonly Variant[] = (['array', 'queue'] as const).flatMap((storage) =>
  (['cookie', 'device'] as const).flatMap((id) => (['startup', 'allocation'] as const).map((program) => ({ storage, id, program, toString: () => `${storage}, id from the ${id}, programmed at ${program}` }))),
);

export interface MachineOptions {
  readonly size?: number;
  readonly storage?: 'array' | 'queue';
  readonly cpus?: number;
  readonly state?: StatePort;
  readonly nrIrqs?: number;
}

/** Everything but the domain. */
export function makeMachine({ size = 4, storage = 'array', cpus = 1, state = plainState, nrIrqs = 64 }: MachineOptions = {}) {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const trace = recordTrace(executor, () => 0, (event) => events.push(event));
  const clock = new ModelClock(state);
  const core = new IrqCore({ state, trace, clock, spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'h', cpus, nrIrqs, threadAgent: String });
  const vectors = new VectorDomain(core);
  // Stands in for interrupt remapping: IMS is supported there, and on the vectors alone it is not.
  const parent = new IrqDomain<MsiAllocInfo>(state, 'IR', { *alloc(_domain, virq) { return ok({ hwirq: virq, chip: { name: 'IR' }, chipData: null }); } }, vectors.domain, {
    needsParent: true,
    msiParent: remappingMsiParent('IR-'),
  });
  for (let cpu = 0; cpu < cpus; cpu++) executor.spawn({ name: `cpu${cpu}`, layer: 'irq' }, vectors.interrupts(cpu));

  /** Who wrote a control word, and what it was in the middle of. */
  const controlWrites: { slot: number; value: number; layer: string; operation: string }[] = [];
  const writers = new Set<string>();
  const audit = ({ slot, word, value }: StoredWrite) => {
    const { layer } = executor.current;
    writers.add(layer);
    if (word === 3) controlWrites.push({ slot, value, layer, operation: events.findLast((each) => each.to === layer)?.operation ?? 'none' });
  };
  const store = new MessageStore(size, ({ hi, lo }, data) => {
    const target = parseVectorMsg(hi, lo, data);
    // Vectors below 32 are the CPU's own: an entry without a message was open.
    if (target === -1 || (target & 0xff) < 32) throw new ModelError(`0x${hi.toString(16)}_${lo.toString(16)}, ${data}: an entry sent what is no interrupt message`);
    vectors.raise(target >>> 8, target & 0xff);
  }, audit);
  const driver = new QueueDriver(state, size, store, audit);
  const made: ImsStorage = storage === 'array' ? new ImsArray({ port: store.port(), offset: TABLE_OFFSET, size }) : new ImsQueue(core, driver);
  const pf = new Device('dsa0', { state, requesterId: 0x6a01 });
  const agent: Agent = { name: 'task', layer: 'driver' };
  return {
    executor, events, core, vectors, parent, controlWrites, writers, store, driver, storage: made, pf, agent, state, clock,
    run: <T>(steps: Steps<T>): T => executor.run(agent, steps),
  };
}

/** With a domain that checks PASIDs. */
export function makeHost(options: MachineOptions & Partial<Variant> = {}) {
  const machine = makeMachine(options);
  const { core, pf, parent, state, vectors } = machine;
  const { id = 'cookie', program = 'startup' } = options;
  const created = createImsDomain(core, pf, parent, machine.storage, { validatePasid: true, id, program });
  if (!created.ok) throw new Error(created.message);
  const domain = created.value;
  let devices = 0;
  return {
    ...machine,
    domain,
    /** A mediated device with IMS interrupts, with a default PASID if one is given, and the hand that attaches it. */
    mdev(pasid?: number) {
      const device = new Device(`mdev${devices++}`, { state, parent: pf });
      const iommu = new FakeIommu(state, device);
      const attached = attachIms(core, device, domain, 'default');
      if (!attached.ok) throw new Error(attached.message);
      if (pasid !== undefined) iommu.attach(pasid);
      return { device, iommu, msi: attached.value };
    },
    counters: () => ({ virqs: core.used, slots: domain.slots.used, mappings: domain.irqDomain.mappings, ...vectors.counters }),
  };
}

export type Host = ReturnType<typeof makeHost>;
export type Mdev = ReturnType<Host['mdev']>;

/** The witness of a device that has a PASID. */
export function witnessOf(device: Device): PasidWitness {
  if (device.iommu.witness === null) throw new Error(`${device.name} has no PASID`);
  return device.iommu.witness;
}
