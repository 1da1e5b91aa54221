// The driver's page of a queue's portals, and who may store to it: MOVDIR64B for a dedicated queue, ENQCMDS with a bounded
// number of attempts for a shared one (idxd_submit_desc(), idxd_enqcmds() in drivers/dma/idxd/submit.c).
import { fail, ok, point, waitUntil } from '@siov/base';
import type { Result, StatePort, Steps } from '@siov/base';
import { encodeDescriptor, PORTAL_SIZE, PORTAL_SLOT_SIZE, portalOffset } from '@siov/datasheet';
import type { Descriptor } from '@siov/datasheet';
import type { PciDevice } from '@siov/device';

/** IDXD_ENQCMDS_RETRIES (from memory of the kernel source, not looked up): attempts after the first. */
export const ENQCMDS_RETRIES = 32;

/** `EAGAIN`: a shared queue had no room, however often it was tried; `ENXIO`: the queue is dead, or the device has no portals. */
export type SubmitErrno = 'EAGAIN' | 'ENXIO';

const relax = point('device', 'retry of a shared queue');

interface PortalState {
  /** Byte offset in the page of the next submission. */
  slot: number;
  /** Submissions on their way (percpu_ref wq_active). */
  submitters: number;
  /** Submissions that wait for the end of a pause. */
  waiters: number;
  /** `paused`: submitters wait (wq_resurrect); `dead`: they are refused. */
  gate: 'live' | 'paused' | 'dead';
}

export class QueuePortal {
  readonly #device: PciDevice;
  readonly #name: string;
  readonly #wq: number;
  readonly #dedicated: boolean;
  readonly #state: PortalState;

  constructor(state: StatePort, device: PciDevice, { index, dedicated }: { readonly index: number; readonly dedicated: boolean }) {
    this.#device = device;
    this.#name = `${device.name}, work queue ${index}`;
    this.#wq = index;
    this.#dedicated = dedicated;
    this.#state = state.record<PortalState>(`guest/${device.name}/wq${index}/portal`, { slot: 0, submitters: 0, waiters: 0, gate: 'live' });
  }

  /**
   * One descriptor, to the next slot of the limited page of the table that has its interrupt. `descriptor` is asked for once
   * nobody can pause the queue any more: what it names is what counts when the store is made.
   */
  *submit(ims: boolean, descriptor: () => Partial<Descriptor>): Steps<Result<void, SubmitErrno>> {
    const state = this.#state;
    if (state.gate === 'paused') {
      state.waiters += 1;
      yield* waitUntil(`${this.#name}: its interrupt handle`, () => state.gate !== 'paused');
      state.waiters -= 1;
    }
    if (state.gate === 'dead') return fail('ENXIO', `${this.#name} takes no descriptors any more`);
    state.submitters += 1;
    const submitted = yield* this.#store(ims, encodeDescriptor(descriptor()));
    state.submitters -= 1;
    return submitted;
  }

  /** percpu_ref_kill() and wq_dead: afterwards no submission is on its way, and none starts before {@link resume}. */
  *pause(): Steps<void> {
    if (this.#state.gate === 'live') this.#state.gate = 'paused';
    if (this.#state.submitters > 0) yield* waitUntil(`${this.#name}: submitters to be done`, () => this.#state.submitters === 0);
  }

  /** Of a pause: not of a queue that has died meanwhile. */
  resume(): void {
    if (this.#state.gate === 'paused') this.#state.gate = 'live';
  }

  /** The queue is enabled. */
  open(): void {
    this.#state.gate = 'live';
  }

  /** idxd_wq_quiesce(): submitters that wait are refused as well, and all are gone when it returns. */
  *kill(): Steps<void> {
    const state = this.#state;
    state.gate = 'dead';
    if (state.submitters + state.waiters > 0) yield* waitUntil(`${this.#name}: submitters to be gone`, () => state.submitters + state.waiters === 0);
  }

  /** The driver's own, past the gate. */
  submitPast(ims: boolean, descriptor: Partial<Descriptor>): Steps<Result<void, SubmitErrno>> {
    return this.#store(ims, encodeDescriptor(descriptor));
  }

  *#store(ims: boolean, bytes: Uint8Array): Steps<Result<void, SubmitErrno>> {
    const { portals } = this.#device.resources;
    if (portals === undefined) return fail('ENXIO', `${this.#device.name} has no portals`);
    const { slot } = this.#state;
    this.#state.slot = (slot + PORTAL_SLOT_SIZE) % PORTAL_SIZE;
    const offset = portalOffset({ wq: this.#wq, limited: true, ims }) + slot;
    if (this.#dedicated) {
      yield* portals.submit(offset, bytes);
      return ok();
    }
    for (let retry = 0; ; retry++) {
      if (yield* portals.enqueue(offset, bytes)) return ok();
      if (retry === ENQCMDS_RETRIES) return fail('EAGAIN', `${this.#name}: no room after ${ENQCMDS_RETRIES + 1} attempts`);
      yield relax;
    }
  }
}
