// The sets there are, and how the PASIDs of the machine are divided among them (ioasid_set_alloc(), ioasid_set_free()).
import { fail, IdAllocator, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import type { PasidAllocator } from './pasid.ts';
import { PasidSet } from './pasid-set.ts';

/** IOASID_SET_TYPE_MM: its token is the mm of a process; IOASID_SET_TYPE_NULL: it has none. */
export type PasidSetType = 'mm' | 'null';

const MOST_SETS = 4096;

export class PasidSets {
  readonly #state: StatePort;
  readonly #name: string;
  readonly #pasids: PasidAllocator;
  readonly #ids: IdAllocator;
  readonly #sets: Map<number, PasidSet>;

  constructor(state: StatePort, name: string, pasids: PasidAllocator) {
    this.#state = state;
    this.#name = name;
    this.#pasids = pasids;
    this.#ids = new IdAllocator(state, `${name}/set-ids`, { first: 0, end: MOST_SETS });
    this.#sets = state.map(`${name}/sets`);
  }

  all(): PasidSet[] {
    return [...this.#sets.values()];
  }

  /** PASIDs no set has in its quota. */
  get available(): number {
    return this.all().reduce((left, { quota }) => left - quota, this.#pasids.capacity);
  }

  alloc(token: unknown, quota: number, type: PasidSetType): Result<PasidSet, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'> {
    if ((type === 'mm') === (token === null || token === undefined)) return fail('EINVAL', `a PASID set of type ${type} ${type === 'mm' ? 'needs a' : 'has no'} token`);
    if (!(Number.isInteger(quota) && quota >= 0)) return fail('EINVAL', `${quota} is no quota`);
    if (type === 'mm' && this.all().some((set) => set.token === token)) return fail('EEXIST', 'the mm has a PASID set already');
    const { available } = this;
    if (quota > available) return fail('ENOSPC', `a quota of ${quota} is above the ${available} PASIDs that are left`);
    if (!this.#state.grant('ioasid_set')) return fail('ENOMEM', 'no memory for a PASID set');
    const id = this.#ids.alloc();
    if (!id.ok) return id;
    const set = new PasidSet(this.#state, this.#pasids, { id: id.value, name: `${this.#name}/set${id.value}`, token, quota: quota === 0 ? available : quota });
    this.#sets.set(id.value, set);
    return ok(set);
  }

  /** `EINVAL`: it is gone already; `EBUSY`: PASIDs are in it. */
  free(set: PasidSet): Result<void, 'EINVAL' | 'EBUSY'> {
    if (this.#sets.get(set.id) !== set) return fail('EINVAL', `PASID set ${set.id} is not there`);
    if (set.used > 0) return fail('EBUSY', `PASID set ${set.id} has ${set.used} PASIDs`);
    this.#sets.delete(set.id);
    this.#ids.free(set.id);
    return ok();
  }
}
