// KVM_IRQFD: an eventfd whose signals are a guest's interrupt, without the VMM (virt/kvm/eventfd.c; from memory of the
// kernel source, not looked up).
import { Lock, waitUntil } from '@siov/base';
import type { ModelEventFd, Steps } from '@siov/base';
import { bypassToken } from '@siov/vfio';
import type { BypassConsumer, BypassProducer } from '@siov/vfio';
import type { ErrorLog } from './error-log.ts';
import type { VmmPorts } from './ports.ts';
import { postedTarget } from './posting.ts';
import type { Message } from './posting.ts';

interface State extends Message {
  address: bigint;
  data: number;
  /** The inject work is queued; it is being done. */
  queued: boolean;
  injecting: boolean;
  producer: BypassProducer | null;
  posted: boolean;
}

/** One eventfd with the message it stands for: a GSI and its route. */
export class Irqfd implements BypassConsumer {
  readonly token: object;
  readonly gsi: number;
  readonly #ports: VmmPorts;
  readonly #log: ErrorLog;
  readonly #eventfd: ModelEventFd;
  readonly #state: State;
  /** irqfds.lock: the producer and what is posted through it change together. */
  readonly #lock: Lock;

  /** `eventfd` is the irqfd's own from now on. */
  constructor(ports: VmmPorts, log: ErrorLog, name: string, gsi: number, eventfd: ModelEventFd, { address, data }: Message) {
    this.token = bypassToken(eventfd);
    this.gsi = gsi;
    this.#ports = ports;
    this.#log = log;
    this.#eventfd = eventfd;
    this.#lock = new Lock(ports.state, `${name}/gsi${gsi}`);
    this.#state = ports.state.record<State>(`${name}/gsi${gsi}`, { address, data, queued: false, injecting: false, producer: null, posted: false });
  }

  /** Whether interrupts go to the virtual CPU without anybody's code. */
  get posted(): boolean {
    return this.#state.posted;
  }

  get queued(): boolean {
    return this.#state.queued;
  }

  /** Waits for signals. One that nobody has read is taken as if it came now. */
  listen(): void {
    this.#eventfd.onSignal(() => this.#wakeup());
    if (this.#eventfd.take() > 0) this.#state.queued = true;
  }

  /** irqfd_wakeup(): in the context of whoever signalled. Signals before the work runs are one interrupt. */
  #wakeup(): void {
    if (this.#eventfd.take() === 0) return;
    const { trace } = this.#ports;
    const { address, data } = this.#state;
    const done = trace.call('vmm', 'irqfd_wakeup', { gsi: this.gsi, data }, () => this.#ports.injectInAtomic?.(address, data) === true);
    if (!done) this.#state.queued = true;
  }

  /** irqfd_inject(), the work: with the route as it is when it runs. */
  *inject(): Steps<void> {
    this.#state.queued = false;
    this.#state.injecting = true;
    const { address, data } = this.#state;
    yield* this.#ports.inject(address, data);
    this.#state.injecting = false;
  }

  /** KVM_SET_GSI_ROUTING: what the eventfd stands for from now on; what is posted follows (kvm_arch_update_irqfd_routing()). */
  *route({ address, data }: Message): Steps<void> {
    if (this.#state.address === address && this.#state.data === data) return;
    Object.assign(this.#state, { address, data });
    if (this.#state.producer !== null) yield* this.#lock.with(this.#update());
  }

  /** irqfd_shutdown() up to the consumer: no signal is looked at any more, and no work is left. */
  *silence(): Steps<void> {
    this.#eventfd.onSignal(null);
    yield* waitUntil(`inject work of gsi ${this.gsi}`, () => !this.#state.queued && !this.#state.injecting);
  }

  close(): void {
    this.#eventfd.close();
  }

  connect(producer: BypassProducer): Steps<void> {
    return this.#lock.with(this.#join(producer));
  }

  disconnect(producer: BypassProducer): Steps<void> {
    return this.#lock.with(this.#part(producer));
  }

  *#join(producer: BypassProducer): Steps<void> {
    this.#state.producer = producer;
    yield* this.#update();
  }

  *#part(producer: BypassProducer): Steps<void> {
    if (this.#state.producer !== producer) return;
    if (this.#state.posted) yield* this.#unpost(producer);
    Object.assign(this.#state, { producer: null, posted: false });
  }

  /** vmx_pi_update_irte(): the route decides; with one that cannot be posted the host's handler signals the eventfd again. */
  *#update(): Steps<void> {
    const { producer, posted } = this.#state;
    const { posting } = this.#ports;
    if (producer === null || posting === undefined) return;
    const target = postedTarget(this.#state, posting);
    if (target === null) return posted ? yield* this.#unpost(producer) : undefined;
    const done = yield* producer.post(target);
    if (done.ok) this.#state.posted = true;
    else this.#log.report(`posting irq ${producer.irq} to vector ${target.vector}: -${done.errno}: ${done.message}`);
  }

  *#unpost(producer: BypassProducer): Steps<void> {
    const done = yield* producer.post(null);
    if (done.ok) this.#state.posted = false;
    else this.#log.report(`posting irq ${producer.irq} no more: -${done.errno}: ${done.message}`);
  }
}
