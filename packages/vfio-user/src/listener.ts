// The listening socket: made at a path where nobody else listens, and removed again if it is still ours.
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { FdWatch } from './sys-poll.ts';
import { accept, bindUnix, closeFd, connectUnix, listen, SysError, unixSocket } from './sys.ts';

/** Bytes of a socket path: sockaddr_un has 108, the last is the NUL. */
const MAX_PATH = 107;
const BACKLOG = 8;
/** Milliseconds to wait when this process can open no more descriptors; accepting again at once would spin. */
const ACCEPT_PAUSE = 250;

export type ListenError = 'EINVAL' | 'ENOENT' | 'EACCES' | 'EADDRINUSE' | 'EEXIST' | 'EIO';

export interface Listener {
  /** Stops listening and removes the socket file unless somebody else replaced it. Again is harmless. */
  close(): void;
}

export interface ListenOptions {
  readonly socketPath: string;
  /** A connected, non-blocking client; the callee owns it. */
  readonly onClient: (fd: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Listens on a UNIX socket. `EINVAL`: path longer than 107 bytes or empty; `ENOENT`: no such directory; `EACCES`: not
 * writable; `EADDRINUSE`: another server listens there; `EEXIST`: the path is no socket.
 */
export function listenUnix(options: ListenOptions): Result<Listener, ListenError> {
  const { socketPath } = options;
  const usable = checkPath(socketPath);
  if (!usable.ok) return usable;
  const fd = unixSocket();
  try {
    bindUnix(fd, socketPath);
    listen(fd, BACKLOG);
    return ok(startAccepting(fd, options));
  } catch (error) {
    closeFd(fd);
    const denied = error instanceof SysError && ['EACCES', 'EPERM', 'EROFS'].includes(error.code);
    if (denied) return fail('EACCES', `${dirname(socketPath)} is not writable for this user`);
    return fail('EIO', `${socketPath}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Whether a socket can be made there, after removing one that a dead server left. */
function checkPath(path: string): Result<void, ListenError> {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || bytes > MAX_PATH || path.includes('\0')) {
    return fail('EINVAL', `socket path ${path} has ${bytes} bytes, 1 to ${MAX_PATH} are possible; use a shorter directory`);
  }
  const directory = dirname(path);
  try {
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return fail('ENOENT', `${directory} is not a directory; make it first`);
  } catch {
    return fail('EACCES', `${directory} cannot be looked into by this user`);
  }
  const there = lstatOf(path);
  if (there === undefined) return ok();
  if (!there.isSocket()) return fail('EEXIST', `${path} exists and is not a socket; it is left alone`);
  if (isServed(path)) return fail('EADDRINUSE', `${path}: another server listens there`);
  unlinkSync(path);
  return ok();
}

function lstatOf(path: string) {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Whether anybody accepts on the socket. Only a refusal proves that nobody does. */
function isServed(path: string): boolean {
  const fd = unixSocket();
  try {
    connectUnix(fd, path);
    return true;
  } catch (error) {
    return !(error instanceof SysError && error.code === 'ECONNREFUSED');
  } finally {
    closeFd(fd);
  }
}

function startAccepting(fd: number, { socketPath, onClient, onError }: ListenOptions): Listener {
  const own = lstatOf(socketPath)?.ino;
  let pause: NodeJS.Timeout | undefined;
  const acceptAll = () => {
    try {
      for (let client = accept(fd); client !== undefined; client = accept(fd)) onClient(client);
    } catch (error) {
      onError(error);
      watch.want({ readable: false, writable: false });
      pause = setTimeout(() => watch.want({ readable: true, writable: false }), ACCEPT_PAUSE);
    }
  };
  const watch = new FdWatch(fd, acceptAll, onError);
  watch.want({ readable: true, writable: false });
  let open = true;
  return {
    close() {
      if (!open) return;
      open = false;
      clearTimeout(pause);
      watch.close();
      closeFd(fd);
      if (own !== undefined && lstatOf(socketPath)?.ino === own) unlinkSync(socketPath);
    },
  };
}
