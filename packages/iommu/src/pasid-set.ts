// PASIDs in sets: what one guest, or one process, was given, with its own names for them (struct ioasid_set of the proposed
// drivers/iommu/ioasid.c, never merged). References keep a PASID; subscribers hear what becomes of it.
import { fail, must, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { FIRST_GLOBAL_PASID } from './pasid.ts';
import type { PasidAllocator } from './pasid.ts';

/** No set private id (INVALID_IOASID). */
export const INVALID_PASID = 0xffffffff;

/** IOASID_NOTIFY_ALLOC, _FREE, _BIND, _UNBIND with struct ioasid_nb_args. `free` comes while the PASID can still be found. */
export interface PasidEvent {
  readonly event: 'alloc' | 'free' | 'bind' | 'unbind';
  readonly pasid: number;
  readonly spid: number | null;
  readonly set: PasidSet;
  /** What the allocation brought. */
  readonly data: unknown;
}

export type PasidSubscriber = (event: PasidEvent) => void;

/** struct ioasid_data. Replaced, never changed. */
interface Member {
  readonly spid: number | null;
  readonly references: number;
  readonly data: unknown;
}

export interface PasidSetOptions {
  readonly id: number;
  readonly name: string;
  readonly token: unknown;
  readonly quota: number;
}

export class PasidSet {
  readonly id: number;
  /** Who it is for: the mm of a process; null for a set without one. */
  readonly token: unknown;
  /** PASIDs it may hold. */
  readonly quota: number;
  readonly #name: string;
  readonly #state: StatePort;
  readonly #pasids: PasidAllocator;
  readonly #members: Map<number, Member>;
  /** The guest's name -> PASID. */
  readonly #spids: Map<number, number>;
  readonly #subscribers: { list: readonly PasidSubscriber[] };

  constructor(state: StatePort, pasids: PasidAllocator, options: PasidSetOptions) {
    this.id = options.id;
    this.token = options.token;
    this.quota = options.quota;
    this.#name = options.name;
    this.#state = state;
    this.#pasids = pasids;
    this.#members = state.map(`${options.name}/members`);
    this.#spids = state.map(`${options.name}/spids`);
    this.#subscribers = state.record(`${options.name}/subscribers`, { list: [] as readonly PasidSubscriber[] });
  }

  /** PASIDs in it. */
  get used(): number {
    return this.#members.size;
  }

  /** Lowest PASID first. */
  list(): { pasid: number; spid: number | null; references: number }[] {
    return [...this.#members].map(([pasid, { spid, references }]) => ({ pasid, spid, references })).sort((a, b) => a.pasid - b.pasid);
  }

  has(pasid: number): boolean {
    return this.#members.has(pasid);
  }

  /**
   * ioasid_alloc(): the lowest free PASID of `min`..`max`, with one reference, the allocator's. `EINVAL`: the range is
   * empty or begins below 1; `ENOSPC`: the quota is used up, or the range; `ENOMEM`. (The kernel's gives INVALID_IOASID for all.)
   */
  alloc(min: number = FIRST_GLOBAL_PASID, max: number = this.#pasids.end - 1, data: unknown = null): Result<number, 'EINVAL' | 'ENOSPC' | 'ENOMEM'> {
    if (!(Number.isInteger(min) && Number.isInteger(max) && min >= FIRST_GLOBAL_PASID && min <= max)) {
      return fail('EINVAL', `${this.#name}: ${min}..${max} is no range of PASIDs`);
    }
    if (this.used >= this.quota) return fail('ENOSPC', `${this.#name}: its quota of ${this.quota} is used up`);
    if (!this.#state.grant('ioasid_data')) return fail('ENOMEM', `${this.#name}: no memory for a PASID`);
    const pasid = this.#pasids.alloc(this.#name, { min, max });
    if (!pasid.ok) return pasid;
    this.#members.set(pasid.value, { spid: null, references: 1, data });
    this.#notify('alloc', pasid.value);
    return pasid;
  }

  /**
   * ioasid_free() by whom it was allocated to. `EINVAL`: it is not in the set; `EBUSY`: somebody else has a reference, or a
   * device is attached with it: a PASID that an interrupt entry names is not freed behind its back. (The proposal notifies
   * and waits for the last reference.)
   */
  free(pasid: number): Result<void, 'EINVAL' | 'EBUSY'> {
    const member = this.#members.get(pasid);
    if (member === undefined) return this.#unknown('EINVAL', pasid);
    if (member.references > 1) return fail('EBUSY', `${this.#name}: PASID ${pasid} has ${member.references - 1} references besides its owner's`);
    return this.#remove(pasid);
  }

  /** ioasid_get(): one reference more. `ENOENT`: it is not in the set. */
  get(pasid: number): Result<void, 'ENOENT'> {
    const member = this.#members.get(pasid);
    if (member === undefined) return this.#unknown('ENOENT', pasid);
    this.#members.set(pasid, { ...member, references: member.references + 1 });
    return ok();
  }

  /** ioasid_put(): one reference fewer; with the last the PASID is free. `EBUSY`: that would be the last, and a device is attached. */
  put(pasid: number): Result<void, 'ENOENT' | 'EBUSY'> {
    const member = this.#members.get(pasid);
    if (member === undefined) return this.#unknown('ENOENT', pasid);
    if (member.references === 1) return this.#remove(pasid);
    this.#members.set(pasid, { ...member, references: member.references - 1 });
    return ok();
  }

  /**
   * ioasid_attach_spid(): `spid` is the set's own name of `pasid` from now on, in place of the one it had. `EINVAL`: no
   * valid id, or one the set uses already; `ENOENT`: `pasid` is not in the set.
   */
  attachSpid(pasid: number, spid: number): Result<void, 'EINVAL' | 'ENOENT'> {
    if (!(Number.isInteger(spid) && spid >= 0 && spid < INVALID_PASID)) return fail('EINVAL', `${this.#name}: ${spid} is no set private id`);
    const member = this.#members.get(pasid);
    if (member === undefined) return this.#unknown('ENOENT', pasid);
    const other = this.#spids.get(spid);
    if (other !== undefined) return fail('EINVAL', `${this.#name}: ${spid} is the name of PASID ${other}`);
    if (member.spid !== null) this.#spids.delete(member.spid);
    this.#spids.set(spid, pasid);
    this.#members.set(pasid, { ...member, spid });
    this.#notify('bind', pasid);
    return ok();
  }

  /** ioasid_detach_spid(). `ENOENT`: `pasid` is not in the set, or has no such name (the proposal only logs it). */
  detachSpid(pasid: number): Result<void, 'ENOENT'> {
    const member = this.#members.get(pasid);
    if (member === undefined || member.spid === null) return fail('ENOENT', `${this.#name}: PASID ${pasid} has no set private id`);
    this.#notify('unbind', pasid);
    // Subscribers may have given references back.
    const after = this.#members.get(pasid);
    if (after === undefined || after.spid === null) return ok();
    this.#spids.delete(after.spid);
    this.#members.set(pasid, { ...after, spid: null });
    return ok();
  }

  /**
   * ioasid_find_by_spid(): the PASID the set calls `spid`, with `get` one reference more, which the caller puts. `ENOENT`
   * (kernel: INVALID_IOASID). One look-up where the proposal searches the set.
   */
  findBySpid(spid: number, { get = false }: { get?: boolean } = {}): Result<number, 'ENOENT'> {
    const pasid = this.#spids.get(spid);
    if (pasid === undefined) return fail('ENOENT', `${this.#name}: no PASID is called ${spid}`);
    if (get) this.get(pasid);
    return ok(pasid);
  }

  /** ioasid_register_notifier(): called at once with every event, in the order of subscription. The result ends it. */
  subscribe(subscriber: PasidSubscriber): () => void {
    this.#subscribers.list = [...this.#subscribers.list, subscriber];
    return () => {
      this.#subscribers.list = this.#subscribers.list.filter((each) => each !== subscriber);
    };
  }

  #remove(pasid: number): Result<void, 'EBUSY'> {
    if (this.#pasids.users(pasid) > 0) return this.#inUse(pasid);
    this.#notify('free', pasid);
    // A subscriber may have taken it up again.
    const member = this.#members.get(pasid);
    if (member === undefined || member.references > 1 || this.#pasids.users(pasid) > 0) return this.#inUse(pasid);
    must(this.#pasids.free(this.#name, pasid), `${this.#name}: freeing a PASID of its own`);
    this.#members.delete(pasid);
    if (member.spid !== null) this.#spids.delete(member.spid);
    return ok();
  }

  #inUse(pasid: number): Result<never, 'EBUSY'> {
    return fail('EBUSY', `${this.#name}: PASID ${pasid} is in use by ${this.#pasids.users(pasid)} devices`);
  }

  #notify(event: PasidEvent['event'], pasid: number): void {
    const member = this.#members.get(pasid);
    if (member === undefined) return;
    for (const subscriber of this.#subscribers.list) subscriber({ event, pasid, spid: member.spid, set: this, data: member.data });
  }

  #unknown<E extends 'EINVAL' | 'ENOENT'>(errno: E, pasid: number): Result<never, E> {
    return fail(errno, `${this.#name}: PASID ${pasid} is not in the set`);
  }
}
