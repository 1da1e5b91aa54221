// What happens to an entry between being handed out and being given back, besides what its chip is asked for: the hooks
// of the domain (prepare_desc, activate and deactivate, and the free store of the first IMS chip).
import { ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { EntryIds } from './entry-ids.ts';
import type { ImsChip } from './ims-chip.ts';
import type { ImsDesc, ImsStorage } from './storage.ts';

/** When an entry gets its id (R11): in the write that unmasks it first, or when it is handed out. */
export type ProgrammingPoint = 'startup' | 'allocation';

export class EntryLife {
  readonly #storage: ImsStorage;
  readonly #chip: ImsChip;
  readonly #ids: EntryIds;
  readonly #early: boolean;

  constructor(storage: ImsStorage, chip: ImsChip, ids: EntryIds, program: ProgrammingPoint) {
    this.#storage = storage;
    this.#chip = chip;
    this.#ids = ids;
    this.#early = program === 'allocation';
  }

  /** The entry is `desc`'s. `ENOSPC`: the storage has none for it; `EINVAL`: its PASID was detached a moment ago. */
  *prepare(desc: ImsDesc): Steps<Result<void, 'EINVAL' | 'ENOSPC'>> {
    const bound = this.#early ? this.#ids.bind(desc) : ok();
    if (!bound.ok) return bound;
    const opened = this.#storage.open?.(desc) ?? ok();
    if (!opened.ok) {
      this.#ids.release(desc);
      return opened;
    }
    yield* this.#locked(desc, this.#handOut(desc.hwirq));
    return ok();
  }

  /** The entry is nobody's. One that was never started may still hold its id. */
  *free(desc: ImsDesc): Steps<void> {
    if (this.#chip.isLive(desc.hwirq)) yield* this.#locked(desc, this.#chip.resetSlot(desc.hwirq));
    this.#ids.release(desc);
    if (this.#storage.close !== undefined) yield* this.#storage.close(desc);
  }

  /** Before the message is written: the id cannot go away from here on. `EINVAL` when it has. */
  activate(desc: ImsDesc): Result<void, 'EINVAL'> {
    return this.#early ? this.#ids.check(desc) : this.#ids.bind(desc);
  }

  /** After shut-down has wiped the entry. */
  deactivate(desc: ImsDesc): void {
    if (!this.#early) this.#ids.release(desc);
  }

  /** Whatever the last owner left is gone before the next one's id comes (I10). */
  *#handOut(slot: number): Steps<void> {
    yield* this.#chip.resetSlot(slot);
    if (this.#early) yield* this.#chip.programSlot(slot);
  }

  *#locked(desc: ImsDesc, body: Steps<void>): Steps<void> {
    const { bus } = this.#storage;
    if (bus !== undefined) yield* bus.lock(desc);
    yield* body;
    if (bus !== undefined) yield* bus.syncUnlock(desc);
  }
}
