// The irq core of one kernel: its descriptors and CPUs, and the way from a virq to its flow handler.
import { fail, IdAllocator, Lock, ok } from '@siov/base';
import type { Agent, Clock, MaybeSteps, Result, Spawned, StatePort, Trace } from '@siov/base';
import type { CpuHooks } from './cpu-hotplug.ts';
import { allCpus } from './cpu-mask.ts';
import type { CpuMask } from './cpu-mask.ts';
import { IrqDesc } from './desc.ts';
import { handleEdgeIrq } from './flow/edge.ts';
import { KernelLog } from './kernel-log.ts';
import { ResendList } from './resend.ts';

/** What the core needs of the machine it runs in. */
export interface IrqPorts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** Jiffies: for how often interrupts come that nobody handles. */
  readonly clock: Clock;
  /** Starts a kernel thread: an agent that runs beside the others. */
  spawn(agent: Agent, steps: Spawned): void;
}

export interface IrqCoreOptions {
  /** Name of this kernel, for state and agents: `host`, `guest`. */
  readonly name: string;
  /** Possible CPUs; all are online from the start. */
  readonly cpus: number;
  /** Highest virq + 1 (NR_IRQS). */
  readonly nrIrqs: number;
  /** The kernel parameter of that name: handlers run in threads, unless they say that they cannot (IRQF_NO_THREAD). */
  readonly threadirqs?: boolean;
  /** What an interrupt thread of this kernel is called. */
  threadAgent(virq: number, action: string): string;
}

/** The first virq given to devices: those below belong to legacy interrupts. */
const FIRST_VIRQ = 16;

export class IrqCore {
  readonly ports: IrqPorts;
  readonly options: IrqCoreOptions;
  /** Nobody can come between two lines of code: what need not wait is done at once (see MaybeSteps). */
  readonly atOnce: boolean;
  /** cpu_possible_mask */
  readonly possible: CpuMask;
  readonly log: KernelLog;
  /** Software replays. */
  readonly resendList: ResendList;
  /** cpu_hotplug_lock */
  readonly cpuHotplugLock: Lock;
  readonly spuriousPoll: { running: boolean };
  readonly #hooks: CpuHooks[] = [];
  readonly #virqs: IdAllocator;
  readonly #descs: Map<number, IrqDesc>;
  /** An index of {@link #descs}, changed with it and never without: on the way of every interrupt a hash takes too long. */
  readonly #byVirq: (IrqDesc | undefined)[] = [];
  readonly #cpus: { online: CpuMask };

  constructor(ports: IrqPorts, options: IrqCoreOptions) {
    const { state } = ports;
    const { name, cpus, nrIrqs } = options;
    this.ports = ports;
    this.options = options;
    this.atOnce = !state.interleaved;
    this.possible = allCpus(cpus);
    this.log = new KernelLog(state, name);
    this.resendList = new ResendList(this);
    this.cpuHotplugLock = new Lock(state, `${name}/cpu_hotplug`);
    this.spuriousPoll = state.record(`${name}/spurious_poll`, { running: false });
    this.#virqs = new IdAllocator(state, `${name}/virqs`, { first: FIRST_VIRQ, end: nrIrqs });
    this.#descs = state.map(`${name}/descs`);
    this.#cpus = state.record(`${name}/cpus`, { online: this.possible });
  }

  /** cpu_online_mask */
  get online(): CpuMask {
    return this.#cpus.online;
  }

  /** For cpu-hotplug.ts alone: taking a CPU down is more than this. */
  setOnline(online: CpuMask): void {
    this.#cpus.online = online;
  }

  get cpuHooks(): readonly CpuHooks[] {
    return this.#hooks;
  }

  /** Once, when the vector domain is made. */
  registerCpuHooks(hooks: CpuHooks): void {
    this.#hooks.push(hooks);
  }

  /** irq_to_desc(). */
  desc(virq: number): IrqDesc | undefined {
    return this.#descs.get(virq);
  }

  /** All descriptors in virq order. Sorts: for dumps and what concerns every interrupt. */
  descs(): IrqDesc[] {
    return [...this.#descs.values()].sort((a, b) => a.virq - b.virq);
  }

  /** Interrupts allocated. */
  get used(): number {
    return this.#virqs.used;
  }

  /** irq_domain_alloc_descs() for one: the lowest free virq. `ENOMEM`: none is left (irq_expand_nr_irqs()), or no memory. */
  allocDesc(): Result<IrqDesc, 'ENOMEM'> {
    const virq = this.#virqs.alloc();
    if (!virq.ok) return fail('ENOMEM', virq.message);
    if (!this.ports.state.grant('irq_desc')) {
      this.#virqs.free(virq.value);
      return fail('ENOMEM', `no memory for the descriptor of irq ${virq.value}`);
    }
    const desc = new IrqDesc(this, virq.value);
    desc.state.flow = handleEdgeIrq;
    this.#descs.set(virq.value, desc);
    this.#byVirq[virq.value] = desc;
    return ok(desc);
  }

  /** irq_free_desc(). Its hierarchy has been given back. */
  freeDesc(desc: IrqDesc): void {
    this.#descs.delete(desc.virq);
    this.#byVirq[desc.virq] = undefined;
    this.#virqs.free(desc.virq);
  }

  /** generic_handle_irq() on `cpu`: runs the interrupt's flow handler, at once where nothing has to wait. */
  handleIrq(virq: number, cpu: number): MaybeSteps<void> {
    const desc = this.atOnce ? this.#byVirq[virq] : this.#descs.get(virq);
    return desc?.state.flow?.handle(desc, cpu);
  }
}
