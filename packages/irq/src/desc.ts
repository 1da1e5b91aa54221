// struct irq_desc: everything the core knows of one interrupt, as plain data behind one lock.
import { Lock } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import type { FlowHandler, IrqData } from './chip.ts';

export type IrqReturn = 'none' | 'handled' | 'wake-thread';

/** Runs in interrupt context, with no lock held. */
export type IrqHandler = (virq: number) => Steps<IrqReturn>;
/** Runs in the interrupt's own thread and may wait. */
export type IrqThread = (virq: number) => Steps<void>;

/** struct irqaction. */
export interface IrqAction {
  readonly handler: IrqHandler;
  readonly thread: IrqThread | null;
  readonly name: string;
  readonly devId: unknown;
  readonly shared: boolean;
  /** Shared between the hard interrupt, the thread and free_irq(). */
  readonly threadState: { wakeups: number; running: boolean; stop: boolean; gone: boolean };
}

export interface DescState {
  actions: readonly IrqAction[];
  flow: FlowHandler | null;
  /** Outermost level of the hierarchy; null while the interrupt has no domain. */
  data: IrqData | null;
  /** Nesting of disable_irq(); 1 from the start, 0 when enabled. */
  depth: number;
  activated: boolean;
  started: boolean;
  disabled: boolean;
  masked: boolean;
  inProgress: boolean;
  /** One edge that came while it could not be handled: replayed once. */
  pending: boolean;
  /** Events counted for /proc/interrupts, by CPU. */
  counts: readonly number[];
}

export class IrqDesc {
  readonly virq: number;
  readonly lock: Lock;
  /** Serialises requesting and freeing, which wait and so cannot hold {@link lock} throughout (request_mutex). */
  readonly requestMutex: Lock;
  readonly state: DescState;

  constructor(state: StatePort, core: string, virq: number, cpus: number) {
    this.virq = virq;
    this.lock = new Lock(state, `${core}/irq${virq}`);
    this.requestMutex = new Lock(state, `${core}/irq${virq}/request`);
    this.state = state.record<DescState>(`${core}/irq${virq}`, {
      actions: [],
      flow: null,
      data: null,
      depth: 1,
      activated: false,
      started: false,
      disabled: true,
      masked: true,
      inProgress: false,
      pending: false,
      counts: Array.from({ length: cpus }, () => 0),
    });
  }
}
