// struct irq_desc: everything the core knows of one interrupt, as plain data behind one lock.
import { Lock } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';
import type { FlowHandler, IrqData, TriggerType } from './chip.ts';
import type { IrqCore } from './core.ts';
import type { CpuMask } from './cpu-mask.ts';

export type IrqReturn = 'none' | 'handled' | 'wake-thread';

/** Runs in interrupt context, with no lock held. Returns at once, or steps where it touches what others see. */
export type IrqHandler = (virq: number) => MaybeSteps<IrqReturn>;
/** Runs in the interrupt's own thread and may wait. */
export type IrqThread = (virq: number) => Steps<IrqReturn>;

export interface ThreadState {
  /** IRQTF_RUNTHREAD: woken and not yet running. Any number of wake-ups before that are one. */
  runThread: boolean;
  /** IRQTF_WARNED: reported for waking a thread it does not have. */
  warned: boolean;
  /** kthread_should_stop() */
  stop: boolean;
  gone: boolean;
}

/** struct irqaction. */
export interface IrqAction {
  readonly handler: IrqHandler;
  readonly thread: IrqThread | null;
  readonly name: string;
  readonly devId: unknown;
  /** IRQF_* that outlive the request. */
  readonly shared: boolean;
  readonly oneshot: boolean;
  readonly percpu: boolean;
  readonly trigger: TriggerType;
  /** Bit of this action in the masks of ONESHOT threads, one of 32; 0 without ONESHOT. */
  readonly threadMask: number;
  /** The thread function of a request whose handler was made a thread by force: woken by that. */
  readonly secondary: ThreadedAction | null;
  /** Shared between the hard interrupt, the thread and free_irq(). */
  readonly threadState: ThreadState;
}

export interface ThreadedAction extends IrqAction {
  readonly thread: IrqThread;
}

export function isThreaded(action: IrqAction | null): action is ThreadedAction {
  return action !== null && action.thread !== null;
}

/** Fields of irq_common_data and irq_desc, with the IRQD_* and IRQS_* bits and _IRQ_* settings as fields of their own. */
export interface DescState {
  actions: readonly IrqAction[];
  flow: FlowHandler | null;
  /** Outermost level of the hierarchy; null while the interrupt has no domain. */
  data: IrqData | null;
  /** Nesting of disable_irq(); 1 from the start, 0 when enabled. */
  depth: number;

  // IRQD_*
  trigger: TriggerType;
  activated: boolean;
  started: boolean;
  disabled: boolean;
  masked: boolean;
  inProgress: boolean;
  /** IRQD_AFFINITY_MANAGED: the kernel alone decides where it goes; a set without online CPU shuts it down. */
  managed: boolean;
  managedShutdown: boolean;
  /** IRQD_MOVE_PCNTXT: the affinity can be set from any context; without it moves wait for the next interrupt. */
  movePcntxt: boolean;
  /** IRQD_PER_CPU: every CPU has its own, nothing to move. */
  perCpu: boolean;
  affinityOnActivate: boolean;
  affinitySet: boolean;
  singleTarget: boolean;
  /** IRQD_CAN_RESERVE: a vector is only reserved until the interrupt is requested. */
  canReserve: boolean;
  /** IRQD_HANDLE_ENFORCE_IRQCTX: cannot be replayed by software, only by the hardware. */
  enforceIrqContext: boolean;
  /** IRQD_RESEND_WHEN_IN_PROGRESS: what comes on another CPU while the handler runs is raised again after it (Linux 6.5). */
  resendWhenInProgress: boolean;

  // IRQS_*
  /** One edge that came while it could not be handled: replayed once. */
  pending: boolean;
  replay: boolean;
  waiting: boolean;
  oneshot: boolean;
  spuriousDisabled: boolean;
  pollInProgress: boolean;

  // Settings
  noRequest: boolean;
  nestedThread: boolean;
  perCpuDevid: boolean;
  /** IRQ_DISABLE_UNLAZY */
  disableUnlazy: boolean;

  // Affinity
  affinity: CpuMask;
  effectiveAffinity: CpuMask;
  /** The mask of a move that waits for the next interrupt (IRQD_SETAFFINITY_PENDING); null when none does. */
  pendingAffinity: CpuMask | null;

  // note_interrupt()
  irqCount: number;
  irqsUnhandled: number;
  /** Milliseconds of the machine's clock. */
  lastUnhandled: number;

  // Threads
  threadsActive: number;
  /** Threads that keep a ONESHOT interrupt masked, by threadMask. */
  threadsOneshot: number;
  threadsHandled: number;
  threadsHandledLast: number;
  /** SPURIOUS_DEFERRED: the last interrupt only woke threads; what they made of it is counted with the next. */
  spuriousDeferred: boolean;
}

/** Fields are declared, not defined: every interrupt reads them, and so each has one kind of value from the start. */
export class IrqDesc {
  /** The kernel it belongs to. */
  declare readonly core: IrqCore;
  declare readonly virq: number;
  declare readonly lock: Lock;
  /** Serialises requesting and freeing, which wait and so cannot hold {@link lock} throughout (request_mutex). */
  declare readonly requestMutex: Lock;
  declare readonly state: DescState;
  /** Events counted for /proc/interrupts, by CPU. */
  declare readonly counts: Uint32Array;

  constructor(core: IrqCore, virq: number) {
    const { state } = core.ports;
    const name = `${core.options.name}/irq${virq}`;
    this.core = core;
    this.virq = virq;
    this.lock = new Lock(state, name);
    this.requestMutex = new Lock(state, `${name}/request`);
    this.counts = state.words(`${name}/counts`, core.options.cpus);
    this.state = state.record<DescState>(name, {
      actions: [],
      flow: null,
      data: null,
      depth: 1,
      trigger: 'none',
      activated: false,
      started: false,
      disabled: true,
      masked: true,
      inProgress: false,
      managed: false,
      managedShutdown: false,
      movePcntxt: false,
      perCpu: false,
      affinityOnActivate: false,
      affinitySet: false,
      singleTarget: false,
      canReserve: false,
      enforceIrqContext: false,
      resendWhenInProgress: false,
      pending: false,
      replay: false,
      waiting: false,
      oneshot: false,
      spuriousDisabled: false,
      pollInProgress: false,
      noRequest: false,
      nestedThread: false,
      perCpuDevid: false,
      disableUnlazy: false,
      affinity: core.possible,
      effectiveAffinity: 0n,
      pendingAffinity: null,
      irqCount: 0,
      irqsUnhandled: 0,
      lastUnhandled: 0,
      threadsActive: 0,
      threadsOneshot: 0,
      threadsHandled: 0,
      threadsHandledLast: 0,
      spuriousDeferred: false,
    });
  }
}
