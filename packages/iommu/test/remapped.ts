// A kernel behind interrupt remapping: a function and a mediated device of it that share a message table.
import { Executor, ModelClock, must, noTrace, plainState } from '@siov/base';
import type { StatePort, Steps, Trace } from '@siov/base';
import { Device } from '@siov/device';
import { IrqCore, MsiDomain, requestIrq, setMsiDomain, VectorDomain } from '@siov/irq';
import type { MsiChip, MsiMsg } from '@siov/irq';
import { InterruptRemapping } from '../src/index.ts';
import type { InterruptRemappingOptions } from '../src/index.ts';
import { RID } from './machine.ts';

export interface RemappedOptions extends InterruptRemappingOptions {
  readonly state?: StatePort;
  readonly cpus?: number;
  readonly trace?: (executor: Executor) => Trace;
  readonly faultEvent?: () => void;
}

export function remapped({ state = plainState, cpus = 1, trace: makeTrace, faultEvent, ...options }: RemappedOptions = {}) {
  const executor = new Executor();
  const trace = makeTrace?.(executor) ?? noTrace;
  const clock = new ModelClock(state);
  const core = new IrqCore({ state, trace, clock, spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'h', cpus, nrIrqs: 64, threadAgent: String });
  const vectors = new VectorDomain(core);
  const remapping = new InterruptRemapping({ state, trace, ...(faultEvent === undefined ? {} : { faultEvent }) }, vectors, { size: 8, ...options });
  const messages = new Map<number, MsiMsg>();
  let written = 0;
  const chip: MsiChip = {
    name: 'T',
    *irqMask() {},
    *irqUnmask() {},
    *irqWriteMsiMsg({ hwirq }, message) {
      messages.set(hwirq, message);
      written += 1;
    },
  };
  const pf = new Device('dsa0', { state, requesterId: RID });
  const mdev = new Device('mdev0', { state, parent: pf });
  const domain = new MsiDomain<null>(core, pf, remapping.domain, { name: 'T', chip, hwsize: 64, slots: 'any' });
  const msi = new Map([pf, mdev].map((device) => [device, must(setMsiDomain(core, device, domain), 'the device’s domain')]));
  for (let cpu = 0; cpu < cpus; cpu++) executor.spawn({ name: `cpu${cpu}`, layer: 'irq' }, vectors.interrupts(cpu));
  const run = <T>(steps: Steps<T>) => executor.run({ name: 'task', layer: 'driver' }, steps);
  const handled: string[] = [];
  const of = (device: Device) => {
    const found = msi.get(device);
    if (found === undefined) throw new Error(`${device.name} has no interrupts`);
    return found;
  };
  return {
    /** A tick of the clock: old vectors of moves are freed. */
    tick() {
      clock.advance(1);
      executor.settle();
    },
    state, executor, core, vectors, remapping, messages, pf, mdev, run, handled, of,
    get written() {
      return written;
    },
    alloc: (device: Device, index: number) => must(run(of(device).allocIrqAt(index, null)), 'an interrupt'),
    request(device: Device, index: number) {
      const made = must(run(of(device).allocIrqAt(index, null)), 'an interrupt');
      must(run(requestIrq(core, made.virq, { name: device.name, devId: device, handler: () => { handled.push(`${device.name} ${index}`); return 'handled'; } })), 'requesting');
      return made;
    },
    send(requesterId: number, { addressHi, addressLo, data }: MsiMsg) {
      remapping.message(requesterId, addressHi, addressLo, data);
      executor.settle();
    },
    counters: () => ({ virqs: core.used, ...vectors.counters, ...remapping.counters, slots: domain.slots.used, mappings: remapping.domain.mappings }),
  };
}

/** A state that lets a test at the words of the remapping table, as a broken or hostile kernel would be. */
export function withTable(): { state: StatePort; table: () => Uint32Array } {
  let words: Uint32Array | undefined;
  const state: StatePort = {
    ...plainState,
    words(name, length, initial) {
      const made = plainState.words(name, length, initial);
      if (name === 'iommu/irte') words = made;
      return made;
    },
  };
  return { state, table: () => words ?? new Uint32Array() };
}
