// What the driver does about a device that halts or revokes interrupt handles (idxd_halt(), idxd_int_handle_revoke() in
// drivers/dma/idxd/irq.c).
import { Lock } from '@siov/base';
import type { Steps } from '@siov/base';
import type { MiscActions } from './misc-interrupt.ts';
import type { DriverParts } from './parts.ts';
import type { GuestWorkQueue } from './work-queue.ts';

export class DeviceEvents implements MiscActions {
  readonly #parts: DriverParts;
  readonly #queues: readonly GuestWorkQueue[];
  /** Revocations are dealt with one after the other, and none while the driver is removed: a new handle waits for an interrupt. */
  readonly revocation: Lock;

  constructor(parts: DriverParts, queues: readonly GuestWorkQueue[]) {
    this.#parts = parts;
    this.#queues = queues;
    this.revocation = new Lock(parts.core.ports.state, `guest/${parts.device.name}/revocation`);
  }

  /** idxd_halt(), without the recovery that follows in the kernel: the device is left alone, and what waits for it goes on. */
  *halted(resetType: number): Steps<void> {
    this.#warn(`Device is HALTED! Reset type ${resetType}`);
    this.#parts.function.halt();
    for (const queue of this.#queues) yield* queue.abandon();
  }

  /** By a worker; without memory for one no queue takes descriptors any more. */
  *handlesRevoked(): Steps<void> {
    const { core, device, capabilities } = this.#parts;
    if (!capabilities.handles) {
      this.#warn('Request int handle revoked, but the device has no handles');
      return;
    }
    if (core.ports.state.grant('idxd_revoke')) {
      core.ports.spawn({ name: `${core.options.name} kworker/${device.name}-revoke`, layer: 'guest' }, this.revocation.with(this.#renewHandles()));
      return;
    }
    this.#warn('Failed to allocate work for int handle revoke');
    for (const queue of this.#queues) yield* queue.quiesce();
  }

  unexpected(bits: number): void {
    this.#warn(`Unexpected interrupt cause bits set: 0x${bits.toString(16)}`);
  }

  *#renewHandles(): Steps<void> {
    for (const queue of this.#queues) yield* queue.renewHandle();
  }

  #warn(what: string): void {
    this.#parts.core.log.warn(`${this.#parts.device.name}: ${what}`);
  }
}
