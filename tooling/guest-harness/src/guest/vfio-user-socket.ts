// Checking the device's socket before QEMU does: its own message does not name the reason.
import { access, constants, stat } from 'node:fs/promises';
import { GuestError } from '../errors.ts';

// sun_path is 108 bytes with the terminating NUL.
const MAX_PATH_BYTES = 107;

/** Throws SOCKET, in one line, unless `path` is a Unix socket we may connect to. */
export async function checkVfioUserSocket(path: string): Promise<void> {
  const fail = (why: string, cause?: unknown) => new GuestError('SOCKET', `vfio-user socket ${path}: ${why}`, { cause });
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw fail(`the path is longer than ${MAX_PATH_BYTES} bytes`);
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw fail(error.code === 'ENOENT' ? 'does not exist (is the device server running?)' : (error.code ?? error.message), error);
  });
  if (!info.isSocket()) throw fail('is not a socket');
  await access(path, constants.R_OK | constants.W_OK).catch((error: unknown) => {
    throw fail('no permission to connect', error);
  });
}
