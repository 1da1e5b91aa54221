// A kernel whose MSI domain has no hardware: the helper must work with any domain, so the tests give it one of nothing.
import { Executor, ModelClock, ModelError, noTrace, plainState, point } from '@siov/base';
import type { Agent, EventFd, Result, Steps } from '@siov/base';
import { must, ok } from '@siov/base';
import { Device } from '@siov/device';
import { IrqCore, MsiDomain, parseVectorMsg, setMsiDomain, VectorDomain } from '@siov/irq';
import type { DeviceMsi, MsiChip, MsiMsg, VcpuAffinity } from '@siov/irq';
import { TriggerHelper } from '../src/index.ts';
import type { InterruptSource, VectorBacking, VectorOptions } from '../src/index.ts';

const access = point('register', 'table access');

/** An eventfd that notes how it is used. */
export class CountingFd implements EventFd {
  readonly name: string;
  signals = 0;
  closes = 0;
  constructor(name = 'fd') {
    this.name = name;
  }
  signal(): void {
    if (this.closes > 0) throw new ModelError(`${this.name} is signalled after it was closed`);
    this.signals += 1;
  }
  close(): void {
    this.closes += 1;
  }
}

export function makeHost({ slots = 4, nrIrqs = 64, refuse = false, trace = noTrace, executor = new Executor() } = {}) {
  const core = new IrqCore({ state: plainState, trace, clock: new ModelClock(plainState), spawn: (agent, steps) => executor.spawn(agent, steps) }, { name: 'h', cpus: 1, nrIrqs, threadAgent: String });
  const vectors = new VectorDomain(core);
  executor.spawn({ name: 'cpu0', layer: 'irq' }, vectors.interrupts(0));
  const entries = Array.from({ length: slots }, () => ({ message: null as MsiMsg | null, masked: true, pending: false, posted: null as VcpuAffinity | null }));
  const entry = (slot: number) => entries[slot] ?? { message: null, masked: true, pending: false, posted: null };
  const posted: VcpuAffinity[] = [];
  const send = (message: MsiMsg | null) => {
    const target = message === null ? -1 : parseVectorMsg(message.addressHi, message.addressLo, message.data);
    if (target === -1) throw new ModelError('an unmasked entry without a message');
    vectors.raise(target >>> 8, target & 0xff);
  };
  const chip: MsiChip = {
    name: 'STUB',
    *irqMask({ hwirq }) { yield access; entry(hwirq).masked = true; },
    *irqUnmask({ hwirq }) {
      yield access;
      const at = entry(hwirq);
      at.masked = false;
      if (at.pending) { at.pending = false; send(at.message); }
    },
    *irqWriteMsiMsg({ hwirq }, message) { yield access; entry(hwirq).message = message; },
    *irqSetVcpuAffinity({ hwirq }, target) { yield access; entry(hwirq).posted = target; return ok(); },
  };
  const policy = { refuse };
  const pf = new Device('dsa0', { state: plainState, requesterId: 1 });
  const domain = new MsiDomain<number>(core, pf, vectors.domain, {
    name: 'STUB',
    chip,
    hwsize: slots,
    slots: 'any',
    validate: (): Result<void, 'EINVAL'> => (policy.refuse ? { ok: false, errno: 'EINVAL', message: 'refused' } : ok()),
    *prepareDesc({ hwirq }) {
      yield access;
      Object.assign(entry(hwirq), { message: null, masked: true, pending: false, posted: null });
      return ok();
    },
  });
  const agent: Agent = { name: 'vcpu0', layer: 'vmm' };
  let made = 0;
  const msiOf = new Map<Device, DeviceMsi<number>>();
  return {
    executor, core, vectors, domain, policy, agent, pf,
    run: <T>(steps: Steps<T>): T => executor.run(agent, steps),
    mdev(): Device {
      const device = new Device(`mdev${made++}`, { state: plainState, parent: pf });
      msiOf.set(device, must(setMsiDomain(core, device, domain), device.name));
      return device;
    },
    /** A helper for what `device` allocates from. The domain takes any number, and is shown 0 if `source` says nothing else. */
    helperOf: (device: Device, backing: readonly VectorBacking[], source: Partial<InterruptSource<number>> = {}, options: VectorOptions = {}) =>
      new TriggerHelper<number>(core, device.name, backing, { msi: () => msiOf.get(device), instance: () => ok(0), ...source }, options),
    /** The hardware raises the interrupt of a slot. */
    fire(slot: number): void {
      const at = entry(slot);
      if (!at.masked && at.posted !== null) { posted.push(at.posted); return; }
      if (at.masked) at.pending = true;
      else send(at.message);
      executor.settle();
    },
    /** Interrupts that went to a virtual CPU instead. */
    posted,
    unmasked: () => entries.filter((each) => !each.masked).length,
    counters: () => ({ virqs: core.used, slots: domain.slots.used, mappings: domain.irqDomain.mappings, ...vectors.counters }),
  };
}

export type Host = ReturnType<typeof makeHost>;

/** `steps` with `intrude` called after each of its yields. */
export function* intruded<T>(steps: Steps<T>, intrude: (yielded: number) => void): Steps<T> {
  for (let yielded = 0; ; yielded++) {
    const next = steps.next();
    if (next.done) return next.value;
    intrude(yielded);
    yield next.value;
  }
}
