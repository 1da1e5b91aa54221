// How a call fails here: with the code the kernel gives, typed, and a sentence that names the value and the rule.

/** Linux errno values (include/uapi/asm-generic/errno*.h): name -> number and the text of strerror(3). */
export const ERRNO = {
  EPERM: { number: 1, text: 'Operation not permitted' },
  ENOENT: { number: 2, text: 'No such file or directory' },
  EIO: { number: 5, text: 'Input/output error' },
  ENXIO: { number: 6, text: 'No such device or address' },
  E2BIG: { number: 7, text: 'Argument list too long' },
  EBADF: { number: 9, text: 'Bad file descriptor' },
  EAGAIN: { number: 11, text: 'Resource temporarily unavailable' },
  ENOMEM: { number: 12, text: 'Cannot allocate memory' },
  EACCES: { number: 13, text: 'Permission denied' },
  EFAULT: { number: 14, text: 'Bad address' },
  EBUSY: { number: 16, text: 'Device or resource busy' },
  EEXIST: { number: 17, text: 'File exists' },
  ENODEV: { number: 19, text: 'No such device' },
  EINVAL: { number: 22, text: 'Invalid argument' },
  ENOTTY: { number: 25, text: 'Inappropriate ioctl for device' },
  ENOSPC: { number: 28, text: 'No space left on device' },
  ERANGE: { number: 34, text: 'Numerical result out of range' },
  ENOSYS: { number: 38, text: 'Function not implemented' },
  EPROTO: { number: 71, text: 'Protocol error' },
  EOPNOTSUPP: { number: 95, text: 'Operation not supported' },
  EADDRINUSE: { number: 98, text: 'Address already in use' },
  ENOTCONN: { number: 107, text: 'Transport endpoint is not connected' },
  ETIMEDOUT: { number: 110, text: 'Connection timed out' },
} as const satisfies Record<string, { number: number; text: string }>;

export type Errno = keyof typeof ERRNO;

export interface Ok<T> {
  readonly ok: true;
  readonly value: T;
}

export interface Failure<E extends Errno = Errno> {
  readonly ok: false;
  readonly errno: E;
  /** What was wrong, with the offending value and the rule it broke. */
  readonly message: string;
}

/** What a kernel-facing call returns; `E` lists the codes that call can give. */
export type Result<T, E extends Errno = Errno> = Ok<T> | Failure<E>;

const DONE: Ok<void> = Object.freeze({ ok: true, value: undefined });

export function ok(): Ok<void>;
export function ok<T>(value: T): Ok<T>;
export function ok(value?: unknown): Ok<unknown> {
  return value === undefined ? DONE : { ok: true, value };
}

export function fail<E extends Errno>(errno: E, message: string): Failure<E> {
  return { ok: false, errno, message };
}

/** `-EINVAL: start 3 is not below 2`: the form logs and commands print. */
export function describeFailure(failure: Failure): string {
  return `-${failure.errno}: ${failure.message}`;
}

/**
 * A programmer's mistake: a call no correct caller makes, or a state the code itself must exclude. Everything a
 * guest, a device or a user can cause is a {@link Failure} instead.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

/** The value of a call that cannot fail here. Throws {@link ModelError} with the failure's text if it did. */
export function must<T>(result: Result<T>, doing: string): T {
  if (result.ok) return result.value;
  throw new ModelError(`${doing}: ${describeFailure(result)}`);
}
