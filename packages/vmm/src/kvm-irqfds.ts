// A virtual machine's irqfds: which eventfd stands for which message, and the work of injecting where the signaller could
// not (virt/kvm/eventfd.c; from memory of the kernel source, not looked up).
import { describeFailure, fail, ok, waitUntil } from '@siov/base';
import type { ModelEventFd, Result, Steps } from '@siov/base';
import { bypassToken } from '@siov/vfio';
import type { ErrorLog } from './error-log.ts';
import { Irqfd } from './irqfd.ts';
import type { VmmPorts } from './ports.ts';
import type { Message } from './posting.ts';

export class KvmIrqfds {
  readonly #ports: VmmPorts;
  readonly #log: ErrorLog;
  readonly #name: string;
  readonly #state: { irqfds: readonly Irqfd[] };

  constructor(ports: VmmPorts, log: ErrorLog, name: string) {
    this.#ports = ports;
    this.#log = log;
    this.#name = name;
    this.#state = ports.state.record(`${name}/irqfds`, { irqfds: [] as readonly Irqfd[] });
  }

  /** The irqfd of `gsi`; undefined when there is none. */
  find(gsi: number): Irqfd | undefined {
    return this.#state.irqfds.find((each) => each.gsi === gsi);
  }

  /**
   * kvm_irqfd_assign(): signals of `eventfd` are `message` from now on. Takes a duplicate. `EBUSY`: an irqfd has that eventfd, or
   * (here: each vector has one of its own) that gsi. A second consumer of one eventfd is reported and is not bypassed.
   */
  *assign(gsi: number, eventfd: ModelEventFd, message: Message): Steps<Result<void, 'EBUSY'>> {
    const token = bypassToken(eventfd);
    const taken = this.#state.irqfds.find((each) => each.token === token || each.gsi === gsi);
    if (taken !== undefined) return fail('EBUSY', `irqfd of gsi ${gsi}: gsi ${taken.gsi} has ${taken.token === token ? 'that eventfd' : 'an eventfd'} already`);
    const irqfd = new Irqfd(this.#ports, this.#log, this.#name, gsi, eventfd.dup(), message);
    this.#state.irqfds = [...this.#state.irqfds, irqfd];
    irqfd.listen();
    const { bypass, posting } = this.#ports;
    if (bypass === undefined || posting === undefined) return ok();
    const registered = yield* bypass.registerConsumer(irqfd);
    if (!registered.ok) this.#log.report(`irq bypass: ${describeFailure(registered)}`);
    return ok();
  }

  /** kvm_irqfd_deassign(): when it returns nothing of that eventfd is injected or posted any more. None is none. */
  *deassign(gsi: number): Steps<void> {
    const irqfd = this.find(gsi);
    if (irqfd === undefined) return;
    yield* irqfd.silence();
    // Nothing happens to one that is not registered.
    if (this.#ports.bypass !== undefined) yield* this.#ports.bypass.unregisterConsumer(irqfd);
    this.#state.irqfds = this.#state.irqfds.filter((each) => each !== irqfd);
    irqfd.close();
  }

  /** All of them. */
  *deassignAll(): Steps<void> {
    for (const { gsi } of this.#state.irqfds) yield* this.deassign(gsi);
  }

  /** KVM's work queue: messages that could not be injected where they were signalled. To be spawned. */
  *work(): Steps<never> {
    const queued = () => this.#state.irqfds.find((each) => each.queued);
    for (;;) {
      yield* waitUntil(`inject work of ${this.#name}`, () => queued() !== undefined);
      const irqfd = queued();
      if (irqfd !== undefined) yield* irqfd.inject();
    }
  }
}
