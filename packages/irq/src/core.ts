// The irq core of one kernel: its descriptors, and the way from a virq to its flow handler.
import { fail, IdAllocator, ok } from '@siov/base';
import type { Agent, Result, StatePort, Steps, Trace } from '@siov/base';
import { handleEdgeIrq } from './flow.ts';
import { IrqDesc } from './desc.ts';
import type { AllocErrno, IrqDomain } from './domain.ts';

/** What the core needs of the machine it runs in. */
export interface IrqPorts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** Starts a kernel thread: an agent that runs beside the others. */
  spawn(agent: Agent, steps: Steps<unknown>): void;
}

export interface IrqCoreOptions {
  /** Name of this kernel, for state and agents: `host`, `guest`. */
  readonly name: string;
  readonly cpus: number;
  /** Highest virq + 1 (NR_IRQS). */
  readonly nrIrqs: number;
  /** What an interrupt thread of this kernel is called. */
  threadAgent(virq: number, action: string): string;
}

/** The first virq given to devices: those below belong to legacy interrupts. */
const FIRST_VIRQ = 16;

export class IrqCore {
  readonly ports: IrqPorts;
  readonly options: IrqCoreOptions;
  readonly #virqs: IdAllocator;
  readonly #descs: Map<number, IrqDesc>;

  constructor(ports: IrqPorts, options: IrqCoreOptions) {
    this.ports = ports;
    this.options = options;
    this.#virqs = new IdAllocator(ports.state, `${options.name}/virqs`, { first: FIRST_VIRQ, end: options.nrIrqs });
    this.#descs = ports.state.map(`${options.name}/descs`);
  }

  /** irq_to_desc(). */
  desc(virq: number): IrqDesc | undefined {
    return this.#descs.get(virq);
  }

  /** All descriptors in virq order. */
  descs(): IrqDesc[] {
    return [...this.#descs.values()].sort((a, b) => a.virq - b.virq);
  }

  /** Interrupts allocated. */
  get used(): number {
    return this.#virqs.used;
  }

  /**
   * __irq_domain_alloc_irqs() for one interrupt: a descriptor, then the hierarchy of `domain`. A failure at any level
   * leaves nothing behind. `ENOMEM`: no virq is left (irq_expand_nr_irqs()); else what the levels give.
   */
  *allocIrq<A>(domain: IrqDomain<A>, argument: A): Steps<Result<IrqDesc, AllocErrno>> {
    const virq = this.#virqs.alloc();
    if (!virq.ok) return fail('ENOMEM', virq.message);
    const desc = new IrqDesc(this.ports.state, this.options.name, virq.value, this.options.cpus);
    const data = yield* domain.alloc(desc, argument);
    if (!data.ok) {
      this.#virqs.free(virq.value);
      return data;
    }
    desc.state.data = data.value;
    desc.state.flow = handleEdgeIrq;
    this.#descs.set(virq.value, desc);
    return ok(desc);
  }

  /** irq_domain_free_irqs(): the hierarchy from the device to the root, then the descriptor. `EBUSY` while requested. */
  *freeVirq(virq: number): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
    const desc = this.#descs.get(virq);
    return desc === undefined ? notAllocated(virq) : yield* desc.requestMutex.with(this.#free(desc));
  }

  *#free(desc: IrqDesc): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
    const { virq } = desc;
    if (desc.state.data === null) return notAllocated(virq);
    if (desc.state.actions.length > 0) return fail('EBUSY', `irq ${virq} is still requested by ${desc.state.actions[0]?.name}`);
    if (desc.state.activated) {
      yield* desc.state.data.domain.deactivate(desc.state.data);
      desc.state.activated = false;
    }
    yield* desc.state.data.domain.free(desc.state.data);
    desc.state.data = null;
    this.#descs.delete(virq);
    this.#virqs.free(virq);
    return ok();
  }

  /** generic_handle_irq() on `cpu`: runs the interrupt's flow handler. */
  *handleIrq(virq: number, cpu: number): Steps<void> {
    const desc = this.#descs.get(virq);
    if (desc?.state.flow) yield* desc.state.flow(desc, cpu);
  }
}

function notAllocated(virq: number): Result<never, 'EINVAL'> {
  return fail('EINVAL', `irq ${virq} is not allocated`);
}
