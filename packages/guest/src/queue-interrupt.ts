// The interrupt of a kernel queue: permission, request_irq(), handle, in this order, and back (idxd_wq_request_irq(),
// idxd_wq_free_irq()).
import { describeFailure, fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND, COMMAND_ERROR, DESCRIPTOR_FLAG, handleOperand, OPCODE } from '@siov/datasheet';
import type { Descriptor, HandleOperand } from '@siov/datasheet';
import type { IrqThread } from '@siov/irq';
import type { DriverParts } from './parts.ts';
import { freePermittedIrq, requestPermittedIrq } from './permissions.ts';
import type { GrantedPermission, PermissionErrno } from './permissions.ts';

export type QueueInterruptErrno = 'EIO' | PermissionErrno;

interface InterruptState {
  permission: GrantedPermission | null;
  /** What descriptors name; -1: none. */
  handle: number;
}

/** A handle for an interrupt that had one. */
export interface RenewedHandle {
  readonly permission: GrantedPermission;
  readonly handle: number;
}

export class QueueInterrupt {
  readonly #parts: DriverParts;
  readonly #name: string;
  readonly #vector: number;
  readonly #state: InterruptState;

  constructor(parts: DriverParts, wq: number) {
    this.#parts = parts;
    this.#name = `${parts.device.name}, work queue ${wq}`;
    this.#vector = wq + 1;
    this.#state = parts.core.ports.state.record<InterruptState>(`guest/${parts.device.name}/wq${wq}/interrupt`, { permission: null, handle: -1 });
  }

  get handle(): number {
    return this.#state.handle;
  }

  /** Where descriptors have their handle looked up: in the store, instead of the MSI-X table. */
  get ims(): boolean {
    return this.#state.permission?.entry.ims ?? false;
  }

  /** `EBUSY`: the interrupt was refused; `EIO`: the handle was; else what the permission backend gives. Nothing is left then. */
  *setUp(devId: unknown, thread: IrqThread): Steps<Result<void, QueueInterruptErrno>> {
    const { permissions, systemPasid } = this.#parts;
    const granted = yield* permissions.grant(this.#vector, systemPasid);
    if (!granted.ok) return granted;
    const permission = granted.value;
    const requested = yield* requestPermittedIrq(permission, { name: 'idxd-portal', devId, thread });
    if (!requested.ok) {
      yield* permissions.revoke(permission, { unused: true });
      return fail('EBUSY', describeFailure(requested));
    }
    const handle = yield* this.#requestHandle(permission.entry);
    if (!handle.ok) {
      yield* freePermittedIrq(permission, devId);
      yield* permissions.revoke(permission, { unused: true });
      return handle;
    }
    this.#state.permission = permission;
    this.#state.handle = handle.value;
    return ok();
  }

  /**
   * A handle that was revoked, asked for once more. null: the queue has none; `EIO`: there is none for it any more, and it is
   * forgotten. The new one is not used before {@link swap}.
   */
  *renew(): Steps<Result<RenewedHandle | null, 'EIO'>> {
    const { permission, handle } = this.#state;
    if (permission === null || handle === -1) return ok(null);
    const renewed = yield* this.#requestHandle(permission.entry);
    if (renewed.ok) return ok({ permission, handle: renewed.value });
    if (this.#state.permission === permission) this.#state.handle = -1;
    return renewed;
  }

  /** False once the interrupt it was asked for has been given back. */
  isCurrent({ permission }: RenewedHandle): boolean {
    return this.#state.permission === permission && this.#state.handle !== -1;
  }

  swap({ handle }: RenewedHandle): void {
    this.#state.handle = handle;
  }

  /** idxd_int_handle_revoke_drain(): a Drain that interrupts and writes no record, behind all that was submitted with the old handle. */
  drainDescriptor(): Partial<Descriptor> {
    const { permission, handle } = this.#state;
    return { opcode: OPCODE.DRAIN, flags: DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT, priv: true, pasid: permission?.pasid ?? 0, interruptHandle: handle };
  }

  /** free_irq(), what the descriptors that are still out need, the handle, the permission. */
  *tearDown(devId: unknown, flush: () => Steps<void>): Steps<void> {
    const { permission, handle } = this.#state;
    if (permission === null) return;
    yield* freePermittedIrq(permission, devId);
    yield* flush();
    yield* this.releaseHandle(handle, permission);
    yield* this.#parts.permissions.revoke(permission);
    this.#state.permission = null;
    this.#state.handle = -1;
  }

  /** Release Interrupt Handle, where the device has handles. */
  *releaseHandle(handle: number, { entry }: GrantedPermission): Steps<void> {
    if (!this.#parts.capabilities.handles || handle === -1) return;
    yield* this.#parts.function.polledCommand(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index: handle, ims: entry.ims }));
  }

  /** Request Interrupt Handle: the number of the entry where the device has no such command. */
  *#requestHandle(entry: HandleOperand): Steps<Result<number, 'EIO'>> {
    if (!this.#parts.capabilities.handles) return ok(entry.index);
    const status = yield* this.#parts.function.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand(entry));
    const error = CMDSTATUS.error.get(status);
    if (error === COMMAND_ERROR.SUCCESS) return ok(CMDSTATUS.result.get(status));
    return fail('EIO', `${this.#name}: Request Interrupt Handle: error 0x${error.toString(16)}`);
  }
}
