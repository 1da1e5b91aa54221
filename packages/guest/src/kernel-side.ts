// What a queue is to the kernel's clients: an interrupt, records that are collected in its thread, and a handle that can be
// revoked (idxd_wq_request_irq(), idxd_wq_alloc_resources() in drivers/dma/idxd/device.c; idxd_int_handle_revoke() in irq.c).
import { describeFailure } from '@siov/base';
import type { Lock, Result, Steps } from '@siov/base';
import type { Descriptor } from '@siov/datasheet';
import type { IrqReturn } from '@siov/irq';
import { QueueDescriptors } from './descriptors.ts';
import type { DriverParts } from './parts.ts';
import type { QueuePortal, SubmitErrno } from './portal.ts';
import type { QueueSettings } from './queue-config.ts';
import { QueueInterrupt } from './queue-interrupt.ts';
import type { QueueInterruptErrno, RenewedHandle } from './queue-interrupt.ts';

export class KernelSide {
  readonly descriptors: QueueDescriptors;
  readonly #parts: DriverParts;
  readonly #index: number;
  readonly #portal: QueuePortal;
  readonly #interrupt: QueueInterrupt;
  readonly #state: { interrupts: number };

  constructor(parts: DriverParts, settings: QueueSettings, portal: QueuePortal) {
    this.#parts = parts;
    this.#index = settings.index;
    this.#portal = portal;
    this.#interrupt = new QueueInterrupt(parts, settings.index);
    const count = settings.dedicated ? settings.size : settings.threshold;
    this.descriptors = new QueueDescriptors(parts, settings.index, { count, portal, interrupt: this.#interrupt });
    this.#state = parts.core.ports.state.record(`guest/${parts.device.name}/wq${settings.index}/kernel`, { interrupts: 0 });
  }

  /** Completion interrupts taken. */
  get interrupts(): number {
    return this.#state.interrupts;
  }

  /** -1: none. */
  get handle(): number {
    return this.#interrupt.handle;
  }

  /** Permission, interrupt, handle, then memory for records; none of it after a failure. */
  *setUp(): Steps<Result<void, QueueInterruptErrno>> {
    const interrupt = yield* this.#interrupt.setUp(this, () => this.#completion());
    if (!interrupt.ok) return interrupt;
    const resources = this.descriptors.setUp();
    if (!resources.ok) yield* this.#interrupt.tearDown(this, function* () {});
    return resources;
  }

  /** free_irq() first: then nobody looks for records any more, and those that are there are taken here. */
  *tearDown(): Steps<void> {
    yield* this.#interrupt.tearDown(this, () => this.descriptors.flush());
    this.descriptors.tearDown();
  }

  /** __get_desc(): descriptors carry the kernel's PASID, which counts in shared queues. The handle is that of the moment. */
  submit(descriptor: (handle: number) => Partial<Descriptor>): Steps<Result<void, SubmitErrno>> {
    return this.#portal.submit(this.#interrupt.ims, () => ({ pasid: this.#parts.systemPasid?.pasid ?? 0, ...descriptor(this.handle) }));
  }

  /** `lock`: wq_lock, which is not held. See {@link GuestWorkQueue.renewHandle}. */
  *renewHandle(lock: Lock): Steps<void> {
    const renewed = yield* this.#interrupt.renew();
    if (!renewed.ok) {
      yield* this.#portal.kill();
      yield* this.descriptors.abortRevoked();
    } else if (renewed.value !== null && renewed.value.handle !== this.handle) yield* lock.with(this.#swap(renewed.value));
  }

  /** Nothing is completed any more. */
  *abandon(): Steps<void> {
    yield* this.#portal.kill();
    yield* this.descriptors.flush();
  }

  /** Submitters are held off for it; what they had submitted before is then followed by a Drain with the new handle. */
  *#swap(renewed: RenewedHandle): Steps<void> {
    if (!this.#interrupt.isCurrent(renewed)) {
      yield* this.#interrupt.releaseHandle(renewed.handle, renewed.permission);
      return;
    }
    yield* this.#portal.pause();
    this.#interrupt.swap(renewed);
    this.#portal.resume();
    // The kernel waits 100 us here, for stores that have not reached the device yet; here stores have when they are done.
    const drained = yield* this.#portal.submitPast(this.#interrupt.ims, this.#interrupt.drainDescriptor());
    if (!drained.ok) this.#parts.core.log.warn(`${this.#parts.device.name}, work queue ${this.#index}: Failed to submit drain desc: ${describeFailure(drained)}`);
  }

  *#completion(): Steps<IrqReturn> {
    yield* this.#parts.core.ports.trace.cross('guest', 'wq_thread', { wq: this.#index }, this.#thread());
    return 'handled';
  }

  *#thread(): Steps<void> {
    this.#state.interrupts += 1;
    yield* this.descriptors.collect();
  }
}
