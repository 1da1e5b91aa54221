// A kernel with one device whose message table is plain words: the smallest machine in which an interrupt is allocated,
// requested, fires, is handled and is given back.
import { Executor, ModelClock, ModelError, must, noTrace, plainState, point } from '@siov/base';
import type { Agent, Spawned, StatePort, Steps } from '@siov/base';
import { Device } from '@siov/device';
import { IrqCore, MsiDomain, parseVectorMsg, setMsiDomain, VectorDomain } from '../src/index.ts';
import type { IrqAffinityDesc, IrqChip, IrqData, MsiChip, MsiDomainTemplate, MsiMsg, VectorDomainOptions } from '../src/index.ts';

const access = point('register', 'table access');

/** A table of messages with a mask and a pending bit each, as MSI-X and IMS have. */
export class MessageTable implements MsiChip {
  readonly name = 'TABLE';
  /** As the chip of PCI MSI-X: messages cannot storm, and one being unmasked is not rewritten. */
  readonly flags = { oneshotSafe: true, affinityPreStartup: true };
  readonly entries: { message: MsiMsg; masked: boolean; pending: boolean }[];
  /** What was written, in order: `mask 0`, `message 0`. */
  readonly log: string[] = [];
  readonly #send: (message: MsiMsg) => void;

  constructor(size: number, send: (message: MsiMsg) => void) {
    this.#send = send;
    this.entries = Array.from({ length: size }, () => ({ message: { addressLo: 0, addressHi: 0, data: 0 }, masked: true, pending: false }));
  }

  entry(slot: number) {
    const entry = this.entries[slot];
    if (entry === undefined) throw new ModelError(`no entry ${slot}`);
    return entry;
  }

  /** The device raises the interrupt of an entry. */
  fire(slot: number): void {
    const entry = this.entry(slot);
    if (entry.masked) entry.pending = true;
    else this.#send(entry.message);
  }

  *irqMask({ hwirq }: IrqData): Steps<void> {
    yield access;
    this.log.push(`mask ${hwirq}`);
    this.entry(hwirq).masked = true;
  }

  *irqUnmask({ hwirq }: IrqData): Steps<void> {
    yield access;
    this.log.push(`unmask ${hwirq}`);
    const entry = this.entry(hwirq);
    entry.masked = false;
    if (!entry.pending) return;
    entry.pending = false;
    this.#send(entry.message);
  }

  *irqWriteMsiMsg({ hwirq }: IrqData, message: MsiMsg): Steps<void> {
    yield access;
    this.log.push(`message ${hwirq}`);
    this.entry(hwirq).message = message;
    yield access;
  }
}

export interface MachineOptions {
  readonly cpus?: number;
  readonly nrIrqs?: number;
  readonly hwsize?: number;
  readonly slots?: 'by-index' | 'any';
  readonly template?: Partial<MsiDomainTemplate<null>>;
  /** Callbacks of another chip for the table: the domain takes them when it is made. */
  readonly chip?: (table: MessageTable) => Partial<IrqChip>;
  readonly vectors?: VectorDomainOptions;
  readonly state?: StatePort;
  /** Runs the CPUs and threads instead of the executor. */
  readonly spawn?: (agent: Agent, steps: Steps<unknown>) => void;
}

export function makeMachine({ cpus = 2, nrIrqs = 64, hwsize = 4, slots = 'any', template = {}, spawn, state = plainState, vectors: vectorOptions = {}, chip }: MachineOptions = {}) {
  const executor = new Executor();
  const agents: Agent[] = [];
  const start = (agent: Agent, spawned: Spawned) => {
    const steps = typeof spawned === 'function' ? spawned() : spawned;
    agents.push(agent);
    if (spawn === undefined) executor.spawn(agent, steps);
    else spawn(agent, steps);
  };
  const clock = new ModelClock(state);
  const core = new IrqCore(
    { state, trace: noTrace, clock, spawn: start },
    { name: 'test', cpus, nrIrqs, threadAgent: (virq, action) => `irq/${virq}-${action}` },
  );
  const vectors = new VectorDomain(core, vectorOptions);
  const table = new MessageTable(hwsize, (message) => {
    const target = parseVectorMsg(message.addressHi, message.addressLo, message.data);
    if (target === -1) throw new ModelError('the device sent what is no interrupt message');
    vectors.raise(target >>> 8, target & 0xff);
  });
  Object.assign(table, chip?.(table));
  const owner = new Device('dev0', { state, requesterId: 8 });
  const domain = new MsiDomain<null>(core, owner, vectors.domain, { name: 'TABLE', chip: table, hwsize, slots, ...template });
  const msi = must(setMsiDomain(core, owner, domain), 'the device’s domain');
  for (let cpu = 0; cpu < cpus; cpu++) start({ name: `cpu${cpu}`, layer: 'cpu' }, vectors.interrupts(cpu));
  const agent: Agent = { name: 'task', layer: 'driver' };
  return {
    executor,
    clock,
    core,
    vectors,
    table,
    owner,
    domain,
    msi,
    agent,
    /** CPUs, threads and timers that were started. */
    agents,
    /** Interrupt `index` of the device; its virq. */
    alloc: (index: number, affinity: IrqAffinityDesc | null = null) => must(executor.run(agent, msi.allocIrqAt(index, null, affinity)), 'an interrupt').virq,
    free: (index: number) => must(executor.run(agent, msi.freeIrqsRange(index, index)), 'giving an interrupt back'),
    run: <T>(steps: Steps<T>): T => executor.run(agent, steps),
    /** Every counter a failed call must leave as it was (R6, I4). */
    counters: () => ({
      virqs: core.used,
      descs: core.descs().length,
      slots: domain.slots.used,
      msiMappings: domain.irqDomain.mappings,
      vectorMappings: vectors.domain.mappings,
      ...vectors.counters,
    }),
  };
}

export type Machine = ReturnType<typeof makeMachine>;

/** `steps` with `intrude` called after each of its yields: another agent, exactly there. */
export function* intruded<T>(steps: Steps<T>, intrude: (yielded: number) => void): Steps<T> {
  for (let yielded = 0; ; yielded++) {
    const next = steps.next();
    if (next.done) return next.value;
    intrude(yielded);
    yield next.value;
  }
}

/** How many yields `steps` has, for tests that try an intruder at each of them. */
export function countYields(executor: Executor, agent: Agent, steps: Steps<unknown>): number {
  let count = 0;
  executor.run(agent, intruded(steps, (yielded) => { count = yielded + 1; }));
  return count;
}
