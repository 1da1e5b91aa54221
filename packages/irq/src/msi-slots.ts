// Which index and which slot an interrupt gets: msi_insert_desc() for the index, the domain's bitmap for the slot.
import { fail, IdAllocator, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import type { MsiDomain } from './msi-domain.ts';
import { MSI_MAX_HWSIZE } from './msi-types.ts';

export interface MsiSlot {
  readonly index: number;
  readonly hwirq: number;
}

/** The indices of one device in one domain. */
export class MsiSlots {
  readonly #domain: MsiDomain<never>;
  readonly #state: StatePort;
  readonly #name: string;
  readonly #taken: ReadonlyMap<number, unknown>;
  /** Free indices, where they are not the slots and somebody asked for any: seldom, and it costs its bitmap. */
  #indices: IdAllocator | null = null;

  constructor(state: StatePort, name: string, domain: MsiDomain<never>, taken: ReadonlyMap<number, unknown>) {
    this.#state = state;
    this.#name = name;
    this.#domain = domain;
    this.#taken = taken;
  }

  /** Indices end here: with the hardware's slots where they are the slots, else with what an index can name. */
  get end(): number {
    return this.#domain.template.slots === 'by-index' ? this.#domain.slots.end : MSI_MAX_HWSIZE;
  }

  /** msi_ctrl_valid() */
  range(first: number, last: number): Result<void, 'EINVAL'> {
    const valid = Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last && last < this.end;
    return valid ? ok() : fail('EINVAL', `${this.#name}: ${first}..${last} is no range of 0..${this.end - 1}`);
  }

  /**
   * `ERANGE`: the index is beyond the hardware; `EBUSY`: it is taken, or any was asked for and none is free; `ENOSPC`: no
   * slot of the domain is left; `ENOMEM`: the machine gives no more.
   */
  take(index: number | 'any'): Result<MsiSlot, 'ERANGE' | 'EBUSY' | 'ENOSPC' | 'ENOMEM'> {
    if (index !== 'any') {
      if (!(Number.isInteger(index) && index >= 0 && index < this.end)) return fail('ERANGE', `${this.#name}: index ${index} is not in 0..${this.end - 1}`);
      if (this.#taken.has(index)) return fail('EBUSY', `${this.#name}: interrupt ${index} is allocated`);
    }
    return this.#domain.template.slots === 'by-index' ? this.#takeSameSlot(index) : this.#takeAnySlot(index);
  }

  give({ index, hwirq }: MsiSlot): void {
    this.#domain.slots.free(hwirq);
    if (this.#indices?.has(index)) this.#indices.free(index);
  }

  #takeSameSlot(index: number | 'any'): Result<MsiSlot, 'ERANGE' | 'EBUSY' | 'ENOSPC'> {
    const { slots } = this.#domain;
    if (index === 'any' && slots.used === slots.end) return fail('EBUSY', `${this.#name}: all ${slots.end} indices are allocated`);
    const slot = index === 'any' ? slots.alloc() : slots.reserve(index);
    return slot.ok ? ok({ index: slot.value, hwirq: slot.value }) : slot;
  }

  #takeAnySlot(index: number | 'any'): Result<MsiSlot, 'ENOSPC' | 'ENOMEM'> {
    const slot = this.#domain.slots.alloc();
    if (!slot.ok) return slot;
    const own = this.#takeIndex(index);
    if (own.ok) return ok({ index: own.value, hwirq: slot.value });
    this.#domain.slots.free(slot.value);
    return fail('ENOMEM', own.message);
  }

  #takeIndex(index: number | 'any'): Result<number> {
    if (index !== 'any') return this.#indices?.reserve(index) ?? ok(index);
    const indices = this.#indices ?? new IdAllocator(this.#state, `${this.#name}/indices`, { first: 0, end: MSI_MAX_HWSIZE });
    // Made now: those that are taken, which it does not know of yet.
    for (const taken of this.#indices === null ? this.#taken.keys() : []) {
      const known = indices.reserve(taken);
      if (!known.ok) return known;
    }
    const own = indices.alloc();
    if (own.ok) this.#indices = indices;
    return own;
  }
}
