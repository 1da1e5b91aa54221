// What the files of the SET_IRQS state machine share.
import { fail, ok } from '@siov/base';
import type { EventFd, Failure, Result, StatePort } from '@siov/base';
import type { SetIrqsErrno } from './device.ts';
import type { DeviceIrqIndex, IrqBackend } from './irq-backend.ts';
import { closeFds } from './irq-set.ts';
import type { IrqSet } from './irq-set.ts';

/** VFIO_PCI_NUM_IRQS as irq_type: no index is in use. */
export const NO_INDEX = 5;

export interface IrqState {
  index: DeviceIrqIndex | typeof NO_INDEX;
  /** Vectors the index was enabled with (num_ctx). */
  vectors: number;
  /** Eventfd whose signals unmask INTx. */
  unmask: EventFd | null;
  err: EventFd | null;
  req: EventFd | null;
}

export interface IrqParts {
  readonly name: string;
  readonly backend: IrqBackend;
  readonly resize: 'classic' | 'dynamic';
  readonly state: IrqState;
  /** Of the index in use: the eventfd of each vector that has one. */
  readonly triggers: Map<number, EventFd>;
  /** To ask for memory. */
  readonly port: Pick<StatePort, 'grant'>;
  /** eventfd_signal(). Nothing happens without one. */
  signal(fd: EventFd | null | undefined, values: { readonly index: number; readonly vector: number }): void;
}

/** A request that changes nothing: its eventfds go. */
export function refused<E extends SetIrqsErrno>({ name }: IrqParts, set: IrqSet, errno: E, why: string): Result<never, E> {
  closeFds(set.data);
  return fail(errno, `${name}: ${why}`);
}

/** The same for a reason that somebody else gave. */
export function refusedBy<E extends SetIrqsErrno>(set: IrqSet, failure: Failure<E>): Result<never, E> {
  closeFds(set.data);
  return failure;
}

/** Whether DATA_NONE or DATA_BOOL asks for interrupt `each` of the request. */
export function asks(set: IrqSet, each: number): boolean {
  const { data } = set;
  return data.kind === 'none' || (data.kind === 'bool' && data.values[each] === true);
}

/** eventfd_ctx_fdget(). `EBADF`: the descriptor is closed. Descriptors of other files cannot be said here. */
export function usable({ name }: IrqParts, fd: EventFd & { readonly closed?: boolean }): Result<void, 'EBADF'> {
  return fd.closed === true ? fail('EBADF', `${name}: eventfd ${fd.name} is closed`) : ok();
}

/** What an action takes before its interrupt is requested: its name. */
export function nameOf(parts: IrqParts, vector: number): Result<void, 'ENOMEM'> {
  return parts.port.grant('vfio_irq_name') ? ok() : fail('ENOMEM', `${parts.name}: no memory for the name of vector ${vector}`);
}

/** The records of one vector, or of all that an index is enabled with. */
export function contextOf(parts: IrqParts, what: string): Result<void, 'ENOMEM'> {
  return parts.port.grant('vfio_irq_ctx') ? ok() : fail('ENOMEM', `${parts.name}: no memory for the context of ${what}`);
}
