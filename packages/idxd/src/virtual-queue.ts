// The queue of a virtual device: a dedicated queue of the function, which its commands act on, or a part in a shared one,
// where they can only act on what the guest's PASIDs have in it.
import type { StatePort, Steps } from '@siov/base';
import { COMMAND, COMMAND_ERROR } from '@siov/datasheet';
import type { Device, PasidWitness } from '@siov/device';
import type { GuestPasidTable } from './guest-pasids.ts';
import type { PasidCommand, WorkQueue } from './work-queue.ts';

export type WqCommand = typeof COMMAND.DISABLE_WQ | typeof COMMAND.DRAIN_WQ | typeof COMMAND.ABORT_WQ | typeof COMMAND.RESET_WQ;

/** All results are the function's error codes, 0 for success. */
export interface VirtualQueue {
  readonly physical: WorkQueue;
  /** Enable WQ. `witness`: whose PASID the descriptors of a dedicated queue have; a shared queue's bring their own. */
  enable(witness: PasidWitness): Steps<number>;
  run(code: WqCommand): Steps<number>;
  /** Drain or Abort PASID, for a host PASID of the guest. `shared`: other devices of the guest have it too. */
  runPasid(code: PasidCommand, pasid: { readonly pasid: number; readonly shared: boolean }): Steps<number>;
}

/** Abort PASID would take the work of the guest's other devices with it: to wait until all is done is an abort, too (DSA spec 3.0 §3.15). */
function* runPasid(queue: WorkQueue, code: PasidCommand, { pasid, shared }: { pasid: number; shared: boolean }): Steps<number> {
  return yield* queue.runPasid(shared ? COMMAND.DRAIN_PASID : code, pasid);
}

export class DedicatedQueue implements VirtualQueue {
  readonly physical: WorkQueue;
  readonly #device: Device;
  readonly #state: { holding: PasidWitness | null };

  constructor(state: StatePort, device: Device, physical: WorkQueue) {
    this.physical = physical;
    this.#device = device;
    this.#state = state.record(`${device.name}/queue`, { holding: null as PasidWitness | null });
  }

  /** A guest's PASID stays until the queue is disabled: freed before, it could come back as somebody else's. */
  *enable(witness: PasidWitness): Steps<number> {
    const own = witness !== this.#device.iommu.witness;
    if (own) witness.hold();
    const error = yield* this.physical.enable(witness.pasid);
    if (own && error !== COMMAND_ERROR.SUCCESS) witness.release();
    else if (own) this.#state.holding = witness;
    return error;
  }

  *run(code: WqCommand): Steps<number> {
    const error = yield* this.physical.run(code);
    if (code === COMMAND.DISABLE_WQ || code === COMMAND.RESET_WQ) {
      this.#state.holding?.release();
      this.#state.holding = null;
    }
    return error;
  }

  runPasid(code: PasidCommand, pasid: { pasid: number; shared: boolean }): Steps<number> {
    return runPasid(this.physical, code, pasid);
  }
}

/** The host has enabled it, for all: what a guest disables is its own use of it. */
export class SharedQueue implements VirtualQueue {
  readonly physical: WorkQueue;
  readonly #device: Device;
  readonly #pasids: GuestPasidTable | null;

  constructor(device: Device, physical: WorkQueue, pasids: GuestPasidTable | null) {
    this.physical = physical;
    this.#device = device;
    this.#pasids = pasids;
  }

  *enable(): Steps<number> {
    return COMMAND_ERROR.SUCCESS;
  }

  *run(code: WqCommand): Steps<number> {
    const ofPasid = code === COMMAND.ABORT_WQ || code === COMMAND.RESET_WQ ? COMMAND.ABORT_PASID : COMMAND.DRAIN_PASID;
    let first: number = COMMAND_ERROR.SUCCESS;
    for (const pasid of this.#all()) {
      const error = yield* this.runPasid(ofPasid, pasid);
      if (first === COMMAND_ERROR.SUCCESS) first = error;
    }
    return first;
  }

  runPasid(code: PasidCommand, pasid: { pasid: number; shared: boolean }): Steps<number> {
    return runPasid(this.physical, code, pasid);
  }

  /** Whatever a descriptor of this guest can carry. */
  #all(): { pasid: number; shared: boolean }[] {
    const { iommu } = this.#device;
    const own = iommu.valid ? [{ pasid: iommu.pasid, shared: false }] : [];
    return [...own, ...(this.#pasids?.hostPasids ?? [])];
  }
}
