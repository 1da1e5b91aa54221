// Interrupt handles the function gives for entries of its message store, held by one user of the function: what
// descriptors name (Request and Release Interrupt Handle, DSA spec 3.0 §9.2.12-14).
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND, handleOperand } from '@siov/datasheet';
import type { PhysicalFunction } from './physical-function.ts';

export class InterruptHandles {
  readonly #function: PhysicalFunction;
  /** By entry. */
  readonly #handles: Map<number, number>;

  /** `user` names the holder, once in the machine. */
  constructor(physical: PhysicalFunction, user: string) {
    this.#function = physical;
    this.#handles = physical.core.ports.state.map(`${user}/handles`);
  }

  /** What descriptors name to use entry `slot`: its number, or what the function gives for it. `EIO`: it gives none. */
  *request(slot: number): Steps<Result<number, 'EIO'>> {
    if (!this.#function.capabilities.handles) return ok(slot);
    const status = yield* this.#function.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: slot, ims: true }));
    const error = CMDSTATUS.error.get(status);
    if (error !== 0) return fail('EIO', `${this.#function.device.name}: no handle for entry ${slot}: error 0x${error.toString(16)}`);
    this.#handles.set(slot, CMDSTATUS.result.get(status));
    return ok(CMDSTATUS.result.get(status));
  }

  /** The handle in use for `slot`. */
  handleOf(slot: number): number {
    return this.#handles.get(slot) ?? slot;
  }

  /** Harmless where there is none. */
  *release(slot: number): Steps<void> {
    if (!this.#handles.delete(slot)) return;
    yield* this.#function.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index: slot, ims: true }));
  }

  *releaseAll(): Steps<void> {
    for (const slot of this.#handles.keys()) yield* this.release(slot);
  }
}
