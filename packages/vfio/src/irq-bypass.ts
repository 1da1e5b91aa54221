// The irqbypass manager (virt/lib/irqbypass.c; from memory of the kernel source, not looked up): who has a host interrupt
// and who could take it without the host's handler find each other by the eventfd between them.
import { fail, Lock, ok } from '@siov/base';
import type { EventFd, Result, StatePort, Steps } from '@siov/base';

/** Where a posted interrupt goes: physical address of a virtual CPU's posted-interrupt descriptor, and the guest's vector. */
export interface PostedTarget {
  readonly descriptor: bigint;
  readonly vector: number;
}

export type PostErrno = 'EINVAL' | 'ENODEV' | 'ENOSYS';

/** struct irq_bypass_producer: an interrupt of the host that signals an eventfd. */
export interface BypassProducer {
  readonly token: object;
  /** The host's interrupt number. */
  readonly irq: number;
  /** irq_set_vcpu_affinity(): to a virtual CPU from now on, or with null back to the handler and its eventfd. */
  post(target: PostedTarget | null): Steps<Result<void, PostErrno>>;
}

/** struct irq_bypass_consumer: who waits on the eventfd (an irqfd). */
export interface BypassConsumer {
  readonly token: object;
  readonly gsi: number;
  /** add_producer: it may post from now on. What goes wrong there is its own to deal with: the eventfd works all the same. */
  connect(producer: BypassProducer): Steps<void>;
  /** del_producer: the producer goes away; when it returns nothing of it is posted any more. */
  disconnect(producer: BypassProducer): Steps<void>;
}

/** What tells that two descriptors are of the same eventfd (struct eventfd_ctx). */
export function bypassToken(fd: EventFd): object {
  return fd.context ?? fd;
}

/** One for a host. Both sides may come and go in any order; connecting and disconnecting are done under its mutex. */
export class IrqBypass {
  readonly #lock: Lock;
  readonly #state: { producers: readonly BypassProducer[]; consumers: readonly BypassConsumer[] };

  constructor(state: StatePort, name: string) {
    this.#lock = new Lock(state, `${name}/irqbypass`);
    this.#state = state.record(`${name}/irqbypass`, { producers: [], consumers: [] });
  }

  get producers(): readonly BypassProducer[] {
    return this.#state.producers;
  }

  get consumers(): readonly BypassConsumer[] {
    return this.#state.consumers;
  }

  /** irq_bypass_register_producer(). `EBUSY`: there is a producer of that token. */
  registerProducer(producer: BypassProducer): Steps<Result<void, 'EBUSY'>> {
    return this.#lock.with(this.#addProducer(producer));
  }

  *#addProducer(producer: BypassProducer): Steps<Result<void, 'EBUSY'>> {
    const taken = withToken(this.#state.producers, producer.token);
    if (taken !== undefined) return fail('EBUSY', `irq ${producer.irq}: its eventfd has irq ${taken.irq} as producer already`);
    const consumer = withToken(this.#state.consumers, producer.token);
    if (consumer !== undefined) yield* consumer.connect(producer);
    this.#state.producers = [...this.#state.producers, producer];
    return ok();
  }

  /** irq_bypass_unregister_producer(). Nothing happens to one that is not registered. */
  unregisterProducer(producer: BypassProducer): Steps<void> {
    return this.#lock.with(this.#removeProducer(producer));
  }

  *#removeProducer(producer: BypassProducer): Steps<void> {
    if (!this.#state.producers.includes(producer)) return;
    const consumer = withToken(this.#state.consumers, producer.token);
    if (consumer !== undefined) yield* consumer.disconnect(producer);
    this.#state.producers = this.#state.producers.filter((each) => each !== producer);
  }

  /** irq_bypass_register_consumer(). `EBUSY`: there is a consumer of that token. */
  registerConsumer(consumer: BypassConsumer): Steps<Result<void, 'EBUSY'>> {
    return this.#lock.with(this.#addConsumer(consumer));
  }

  *#addConsumer(consumer: BypassConsumer): Steps<Result<void, 'EBUSY'>> {
    const taken = withToken(this.#state.consumers, consumer.token);
    if (taken !== undefined) return fail('EBUSY', `gsi ${consumer.gsi}: its eventfd has gsi ${taken.gsi} as consumer already`);
    const producer = withToken(this.#state.producers, consumer.token);
    if (producer !== undefined) yield* consumer.connect(producer);
    this.#state.consumers = [...this.#state.consumers, consumer];
    return ok();
  }

  /** irq_bypass_unregister_consumer(). Nothing happens to one that is not registered. */
  unregisterConsumer(consumer: BypassConsumer): Steps<void> {
    return this.#lock.with(this.#removeConsumer(consumer));
  }

  *#removeConsumer(consumer: BypassConsumer): Steps<void> {
    if (!this.#state.consumers.includes(consumer)) return;
    const producer = withToken(this.#state.producers, consumer.token);
    if (producer !== undefined) yield* consumer.disconnect(producer);
    this.#state.consumers = this.#state.consumers.filter((each) => each !== consumer);
  }
}

function withToken<T extends { readonly token: object }>(all: readonly T[], token: object): T | undefined {
  return all.find((each) => each.token === token);
}
