// The PASID in a queue's WQCFG: of a dedicated queue that of all its descriptors (__idxd_wq_set_pasid_locked(),
// idxd_wq_set_pasid(), idxd_wq_disable_pasid() in drivers/dma/idxd/device.c).
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND, COMMAND_ERROR, Wqcfg, wqOperand } from '@siov/datasheet';
import type { DriverParts } from './parts.ts';

/** WQCFG's mode word as it was before a change. */
export type ModeBefore = typeof Wqcfg.Mode.reset;

export class QueuePasid {
  readonly #parts: DriverParts;
  readonly #index: number;
  /** -1: PASID enable is off. */
  readonly #state: { pasid: number };

  constructor(parts: DriverParts, index: number) {
    this.#parts = parts;
    this.#index = index;
    this.#state = parts.core.ports.state.record(`guest/${parts.device.name}/wq${index}/pasid`, { pasid: -1 });
  }

  /** null: PASID enable is off. */
  get value(): number | null {
    return this.#state.pasid === -1 ? null : this.#state.pasid;
  }

  /** While the queue is disabled; null switches PASID enable off. Returns what to {@link restore} after a failure. */
  *set(pasid: number | null): Steps<ModeBefore> {
    const before = yield* this.#parts.function.read(Wqcfg.Mode, this.#wqcfg);
    const enabled = Wqcfg.Mode.pasidEnable.set(before, pasid === null ? 0 : 1);
    yield* this.#parts.function.write(Wqcfg.Mode, Wqcfg.Mode.pasid.set(enabled, pasid ?? 0), this.#wqcfg);
    this.#state.pasid = pasid ?? -1;
    return before;
  }

  /** null: nothing was changed. */
  *restore(before: ModeBefore | null): Steps<void> {
    if (before === null) return;
    yield* this.#parts.function.write(Wqcfg.Mode, before, this.#wqcfg);
    this.forget();
  }

  /** Reset WQ has cleared it. */
  forget(): void {
    this.#state.pasid = -1;
  }

  /**
   * Of an enabled queue: disabled, which waits for its descriptors, changed, enabled. Disabled, not reset: that would clear
   * the mode with it. `EIO`: Enable WQ failed, and the queue is enabled for nobody, if it is.
   */
  *change(pasid: number | null): Steps<Result<void, 'EIO'>> {
    const operand = wqOperand([this.#index]);
    yield* this.#parts.function.command(COMMAND.DISABLE_WQ, operand.ok ? operand.value : 0);
    yield* this.set(pasid);
    const error = CMDSTATUS.error.get(yield* this.#parts.function.command(COMMAND.ENABLE_WQ, this.#index));
    if (error === COMMAND_ERROR.SUCCESS) return ok();
    if (pasid !== null) yield* this.change(null);
    return fail('EIO', `${this.#parts.device.name}, work queue ${this.#index}: Enable WQ for PASID ${pasid}: error 0x${error.toString(16)}`);
  }

  /** Bytes from BAR0's start to the queue's WQCFG. */
  get #wqcfg(): number {
    return this.#parts.capabilities.wqcfg + this.#index * this.#parts.capabilities.wqcfgSize;
  }
}
