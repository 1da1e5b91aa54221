// A kernel, a slot table in plain memory that notes who writes it, and devices whose PASID a stand-in for the IOMMU sets.
import { Executor, ModelError, plainState, recordTrace, runToCompletion } from '@siov/base';
import type { AccessPort, Agent, Steps, TraceEvent } from '@siov/base';
import { IMS_ENTRY_SIZE, ImsEntry } from '@siov/datasheet';
import { Device } from '@siov/device';
import type { IommuRecordWriter } from '@siov/device';
import { IrqCore, parseVectorMsg, setMsiDomain, VectorDomain } from '@siov/irq';
import { createImsDomain } from '../src/index.ts';

export const TABLE_OFFSET = 0x400;
const CONTROL = 12;

export interface ControlWrite {
  readonly slot: number;
  readonly value: number;
  /** The layer that held the CPU, and the crossing into it. */
  readonly layer: string;
  readonly operation: string;
}

export function makeHost({ size = 4, validatePasid = true, cpus = 1 } = {}) {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  const trace = recordTrace(executor, () => 0, (event) => events.push(event));
  const core = new IrqCore({ state: plainState, trace, spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'h', cpus, nrIrqs: 64, threadAgent: String });
  const vectors = new VectorDomain(core);
  for (let cpu = 0; cpu < cpus; cpu++) executor.spawn({ name: `cpu${cpu}`, layer: 'irq' }, vectors.interrupts(cpu));

  const words = new Uint32Array((size * IMS_ENTRY_SIZE) / 4);
  for (let slot = 0; slot < size; slot++) words[slot * 4 + 3] = 1;
  const controlWrites: ControlWrite[] = [];
  const writers = new Set<string>();
  const wordAt = (offset: number, width: number): number => {
    const at = offset - TABLE_OFFSET;
    if (width !== 4 || at < 0 || at >= size * IMS_ENTRY_SIZE || at % 4 !== 0) throw new ModelError(`access of ${width} bytes at 0x${offset.toString(16)}`);
    return at / 4;
  };
  const none = () => { throw new ModelError('the table has no 64-bit registers'); };
  const port: AccessPort = {
    *read(offset, width) { return words[wordAt(offset, width)] ?? 0; },
    *write(offset, width, value) {
      const word = wordAt(offset, width);
      const { layer } = executor.current;
      writers.add(layer);
      if ((offset & 15) === CONTROL) controlWrites.push({ slot: word >> 2, value, layer, operation: events.findLast((each) => each.to === layer)?.operation ?? 'none' });
      words[word] = value;
    },
    read64: none,
    write64: none,
  };

  const pf = new Device('dsa0', { state: plainState, requesterId: 0x6a01 });
  const domain = createImsDomain(core, pf, vectors.domain, { port, offset: TABLE_OFFSET, size }, { validatePasid });
  const agent: Agent = { name: 'task', layer: 'driver' };
  const run = <T>(steps: Steps<T>): T => executor.run(agent, steps);
  let made = 0;
  return {
    executor, core, vectors, domain, run, agent, events, controlWrites, writers, words,
    /** A mediated device and the hand that stores its PASID. */
    mdev(pasid?: number): { device: Device; iommu: IommuRecordWriter } {
      const device = new Device(`mdev${made++}`, { state: plainState, parent: pf });
      const iommu = device.takeIommuRecord();
      if (pasid !== undefined) iommu.attach(pasid);
      setMsiDomain(core, device, domain);
      return { device, iommu };
    },
    slot(slot: number) {
      const [addressLo = 0, addressHi = 0, data = 0, control = 0] = words.subarray(slot * 4, slot * 4 + 4);
      return { addressLo, addressHi, data, ...ImsEntry.Control.decode(ImsEntry.Control.image(control)) };
    },
    /** The hardware's rule: a descriptor with `pasid` asks for the interrupt of `slot`; true when it was sent. */
    fire(slot: number, pasid: number): boolean {
      const entry = this.slot(slot);
      if (entry.mask === 1 || (entry.pasidEnable === 1 && entry.pasid !== pasid)) return false;
      const target = parseVectorMsg(BigInt(entry.addressLo), entry.data);
      if (target === null) throw new ModelError(`slot ${slot} is unmasked and holds no message`);
      runToCompletion(vectors.raise(target.cpu, target.vector));
      executor.settle();
      return true;
    },
    counters: () => ({ virqs: core.used, slots: domain.slots.used, mappings: domain.irqDomain.mappings, ...vectors.counters }),
  };
}

export type Host = ReturnType<typeof makeHost>;
