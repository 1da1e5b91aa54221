// A client's eventfd as base's `EventFd`: signalled without ever blocking, closed exactly once.
import { fail, ok } from '@siov/base';
import type { EventFd, Result } from '@siov/base';
import { closeFd, isEventFd, isWritable, writeFd } from './sys.ts';

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

export interface EventFdOptions {
  /** Told when a signal could not be delivered: `EAGAIN` (the counter is full) or what write(2) gave. */
  readonly onDropped?: (code: string) => void;
  /** Told when the descriptor is closed. */
  readonly onClose?: () => void;
}

/** Wraps `fd` and takes it over, also when it fails. `EINVAL` when it is not an eventfd (a pipe, a socket, a file). */
export function realEventFd(fd: number, name: string, options: EventFdOptions = {}): Result<EventFd, 'EINVAL'> {
  if (!isEventFd(fd)) {
    closeFd(fd);
    return fail('EINVAL', `${name}: the descriptor is not an eventfd`);
  }
  let open = true;
  return ok({
    name,
    signal() {
      if (!open) return;
      // Asked every time: whether it blocks is a flag of the open file, which the client shares and can change.
      const code = isWritable(fd) ? writeFd(fd, ONE) : 'EAGAIN';
      if (code !== undefined) options.onDropped?.(code);
    },
    close() {
      if (!open) return;
      open = false;
      closeFd(fd);
      options.onClose?.();
    },
  });
}
