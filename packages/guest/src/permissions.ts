// Which PASID may use which interrupt. A permission is granted first and then spent on the request for the interrupt: there
// is no other way to ask for one, so the wrong order cannot be written (R20).
import { ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { HandleOperand } from '@siov/datasheet';
import { freeIrq, requestThreadedIrq } from '@siov/irq';
import type { IrqCore, IrqRequest, RequestErrno } from '@siov/irq';
import type { GuestFunction } from './function.ts';
import type { PasidBinding } from './pasids.ts';

export type PermissionErrno = 'EINVAL' | 'ENOSPC' | 'ENOMEM' | 'ENODEV' | 'EBUSY' | 'ERANGE' | 'ENXIO';

/** The interrupt a permission is for, and where the device looks it up. */
export interface PermittedInterrupt {
  readonly virq: number;
  /** Entry of the MSI-X table or of the interrupt message store. */
  readonly entry: HandleOperand;
}

/** Where a backend works. */
export interface PermissionPlace {
  readonly function: GuestFunction;
  /** Bytes from BAR0's start to the interrupt permission table. */
  readonly msixperm: number;
  /** Interrupts of the MSI-X vectors, by vector. */
  readonly virqs: readonly number[];
}

/** Who makes an interrupt legal for a PASID. This alone differs between host and guest, MSI-X and message store (R19). */
export interface PermissionBackend {
  /** MSI-X vectors to allocate, at least 1 (vector 0 is for commands and errors); absent: the whole table. */
  readonly vectors?: number;
  /** The interrupt of `vector` for `binding`; null: for a queue without PASID. With nothing left behind by a failure. */
  grant(place: PermissionPlace, vector: number, binding: PasidBinding | null): Steps<Result<PermittedInterrupt, PermissionErrno>>;
  /** The interrupt has been freed, or (`unused`) was never requested. */
  revoke(place: PermissionPlace, permission: GrantedPermission, unused: boolean): Steps<void>;
}

/** Lets only {@link Permissions} construct. */
const granter = Symbol('granter');

/** That {@link PermissionBackend.grant} has been done. */
export class GrantedPermission implements PermittedInterrupt {
  readonly vector: number;
  readonly virq: number;
  readonly entry: HandleOperand;
  /** null: for a queue without PASID. */
  readonly pasid: number | null;
  readonly #owner: Permissions;

  constructor(key: typeof granter, owner: Permissions, vector: number, pasid: number | null, { virq, entry }: PermittedInterrupt) {
    if (key !== granter) throw new ModelError('permissions are granted by Permissions.grant()');
    this.#owner = owner;
    this.vector = vector;
    this.virq = virq;
    this.entry = entry;
    this.pasid = pasid;
  }

  get owner(): Permissions {
    return this.#owner;
  }
}

interface Held {
  readonly permission: GrantedPermission;
  readonly requested: boolean;
}

/** The permissions of one device. */
export class Permissions {
  readonly #core: IrqCore;
  readonly #backend: PermissionBackend;
  readonly #place: PermissionPlace;
  readonly #held: Map<number, Held>;

  constructor(core: IrqCore, backend: PermissionBackend, place: PermissionPlace) {
    this.#core = core;
    this.#backend = backend;
    this.#place = place;
    this.#held = core.ports.state.map(`guest/${place.function.name}/permissions`);
  }

  /** Makes the interrupt of `vector` legal for `binding`. Errors are the backend's. Throws ModelError for a vector that has one. */
  *grant(vector: number, binding: PasidBinding | null): Steps<Result<GrantedPermission, PermissionErrno>> {
    if (this.#held.has(vector)) throw new ModelError(`${this.#place.function.name}: vector ${vector} has a permission already`);
    const granted = yield* this.#backend.grant(this.#place, vector, binding);
    if (!granted.ok) return granted;
    const permission = new GrantedPermission(granter, this, vector, binding?.pasid ?? null, granted.value);
    this.#held.set(vector, { permission, requested: false });
    return ok(permission);
  }

  /** Takes it back. Throws ModelError while its interrupt is requested: free_irq() comes first. */
  *revoke(permission: GrantedPermission, options: { unused?: boolean } = {}): Steps<void> {
    if (this.#current(permission).requested) {
      throw new ModelError(`${this.#place.function.name}: the permission of vector ${permission.vector} is revoked while its interrupt is requested`);
    }
    yield* this.#backend.revoke(this.#place, permission, options.unused ?? false);
    this.#held.delete(permission.vector);
  }

  *request(permission: GrantedPermission, request: IrqRequest): Steps<Result<void, RequestErrno>> {
    this.#current(permission);
    const requested = yield* requestThreadedIrq(this.#core, permission.virq, request);
    if (requested.ok) this.#held.set(permission.vector, { permission, requested: true });
    return requested;
  }

  *free(permission: GrantedPermission, devId: unknown): Steps<void> {
    this.#current(permission);
    yield* freeIrq(this.#core, permission.virq, devId);
    this.#held.set(permission.vector, { permission, requested: false });
  }

  #current(permission: GrantedPermission): Held {
    const held = this.#held.get(permission.vector);
    if (held?.permission !== permission) throw new ModelError(`${this.#place.function.name}: the permission of vector ${permission.vector} was revoked`);
    return held;
  }
}

/**
 * request_threaded_irq() of a queue's interrupt: takes the permission, so that it cannot come before it. Errors as
 * `requestThreadedIrq` of @siov/irq.
 */
export function requestPermittedIrq(permission: GrantedPermission, request: IrqRequest): Steps<Result<void, RequestErrno>> {
  return permission.owner.request(permission, request);
}

/** free_irq() of it. The permission is still there, and can be revoked now. */
export function freePermittedIrq(permission: GrantedPermission, devId: unknown): Steps<void> {
  return permission.owner.free(permission, devId);
}
