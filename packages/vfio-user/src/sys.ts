// The system calls this package needs and Node does not offer: sockets that carry file descriptors, mappings, eventfds.
// 64-bit Linux only. Everything that crosses into C crosses here, in sys-message.ts and in sys-poll.ts.
import { readlinkSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/** A system call that failed. `code` is the errno's name, `errno` its number. */
export class SysError extends Error {
  override readonly name = 'SysError';
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errnoName(errno);
    super(`${call}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

export const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const PROT = { READ: 1, WRITE: 2 } as const;
const MAP_SHARED = 1;
const F_GETFL = 3;
const F_GET_SEALS = 1034;
const F_ADD_SEALS = 1033;
/** The file can no longer become shorter: a mapping of it cannot raise SIGBUS. */
export const F_SEAL_SHRINK = 2;
const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2 } as const;
const EFD = { CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const;
const POLLOUT = 4;
const POLLHUP = 16;
export const MSG = { DONTWAIT: 0x40, NOSIGNAL: 0x4000, CMSG_CLOEXEC: 0x40000000, CTRUNC: 8 } as const;
export const O_ACCMODE = 3;

type Call = (...args: unknown[]) => number;

function bind() {
  if (process.platform !== 'linux' || !['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) {
    throw new Error(`vfio-user needs 64-bit little-endian Linux, this is ${process.platform} ${process.arch}`);
  }
  const libc = koffi.load(null);
  // Pointers travel as plain numbers: user addresses are below 2^53, and a bigint per call would cost more than the call.
  const call = (name: string, result: string, ...args: string[]) => libc.func(name, result, args) as Call;
  return {
    socket: call('socket', 'int', 'int', 'int', 'int'),
    bind: call('bind', 'int', 'int', 'void *', 'uint'),
    listen: call('listen', 'int', 'int', 'int'),
    connect: call('connect', 'int', 'int', 'void *', 'uint'),
    accept4: call('accept4', 'int', 'int', 'void *', 'void *', 'int'),
    send: call('send', 'intptr_t', 'int', 'void *', 'size_t', 'int'),
    sendmsg: call('sendmsg', 'intptr_t', 'int', 'uintptr_t', 'int'),
    recvmsg: call('recvmsg', 'intptr_t', 'int', 'uintptr_t', 'int'),
    close: call('close', 'int', 'int'),
    mmap: call('mmap', 'intptr_t', 'uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t'),
    munmap: call('munmap', 'int', 'uintptr_t', 'size_t'),
    eventfd: call('eventfd', 'int', 'uint', 'int'),
    memfdCreate: call('memfd_create', 'int', 'str', 'uint'),
    ftruncate: call('ftruncate', 'int', 'int', 'int64_t'),
    dup: call('dup', 'int', 'int'),
    fcntl: call('fcntl', 'int', 'int', 'int', 'int'),
    poll: call('poll', 'int', 'void *', 'ulong', 'int'),
    write: call('write', 'intptr_t', 'int', 'void *', 'size_t'),
    read: call('read', 'intptr_t', 'int', 'void *', 'size_t'),
  };
}

let bound: ReturnType<typeof bind> | undefined;

/** The bound system calls; bound at first use so that importing the package works on every platform. */
export function libc(): ReturnType<typeof bind> {
  bound ??= bind();
  return bound;
}

export function lastErrno(): number {
  return koffi.errno();
}

export function errnoName(errno: number): string {
  const name = getSystemErrorName(-errno);
  return name.startsWith('E') ? name : `errno ${errno}`;
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SysError(call, lastErrno());
  return result;
}

/** struct sockaddr_un. The caller checked the length of `path`. */
function unixAddress(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  const address = new Uint8Array(2 + bytes.length + 1);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

export function unixSocket(): number {
  return checked('socket', libc().socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

export function bindUnix(fd: number, path: string): void {
  const address = unixAddress(path);
  checked('bind', libc().bind(fd, address, address.length));
}

export function listen(fd: number, backlog: number): void {
  checked('listen', libc().listen(fd, backlog));
}

export function connectUnix(fd: number, path: string): void {
  const address = unixAddress(path);
  checked('connect', libc().connect(fd, address, address.length));
}

/** The next waiting client, non-blocking and close-on-exec; undefined when there is none (any more). */
export function accept(fd: number): number | undefined {
  const client = libc().accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client >= 0) return client;
  const error = new SysError('accept4', lastErrno());
  if (['EAGAIN', 'ECONNABORTED', 'EINTR'].includes(error.code)) return undefined;
  throw error;
}

/** close(2). Errors are of no use to anybody: on Linux the descriptor is gone either way. */
export function closeFd(fd: number): void {
  libc().close(fd);
}

/** Maps `size` bytes at `offset` of `fd`, shared; the address. */
export function mmap(fd: number, offset: number, size: number, protection: number): number {
  const address = libc().mmap(0, size, protection, MAP_SHARED, fd, offset);
  if (address === -1) throw new SysError('mmap', lastErrno());
  return address;
}

export function munmap(address: number, size: number): void {
  checked('munmap', libc().munmap(address, size));
}

/** The memory at `address` as an ArrayBuffer that does not own it. */
export function viewOf(address: number, size: number): ArrayBuffer {
  return koffi.view(BigInt(address), size);
}

/** Where the bytes of `buffer` are. Valid while `buffer` is referenced: backing stores do not move. */
export function addressOf(buffer: ArrayBuffer): number {
  return Number(koffi.address(buffer));
}

/** A new eventfd with count 0, non-blocking as VMMs make them unless `blocking`. */
export function eventfd(blocking = false): number {
  return checked('eventfd', libc().eventfd(0, EFD.CLOEXEC | (blocking ? 0 : EFD.NONBLOCK)));
}

/** A new memory file of `size` bytes that can be sealed. */
export function memfd(name: string, size: number): number {
  const fd = checked('memfd_create', libc().memfdCreate(name, MFD.CLOEXEC | MFD.ALLOW_SEALING));
  truncate(fd, size);
  return fd;
}

export function truncate(fd: number, size: number): void {
  checked('ftruncate', libc().ftruncate(fd, size));
}

export function addSeals(fd: number, seals: number): void {
  checked('fcntl(F_ADD_SEALS)', libc().fcntl(fd, F_ADD_SEALS, seals));
}

export function dup(fd: number): number {
  return checked('dup', libc().dup(fd));
}

/** The seals of `fd`; 0 for a file that cannot be sealed. */
export function sealsOf(fd: number): number {
  return Math.max(0, libc().fcntl(fd, F_GET_SEALS, 0));
}

export function statusFlagsOf(fd: number): number {
  return checked('fcntl(F_GETFL)', libc().fcntl(fd, F_GETFL, 0));
}

/** Whether `fd` is an eventfd: only the kernel's name for it tells, there is no call that asks. */
export function isEventFd(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventfd]';
  } catch {
    return false;
  }
}

/** Whether a write to `fd` would go through at once. */
export function isWritable(fd: number): boolean {
  return pollNow(fd, POLLOUT) === POLLOUT;
}

/** Whether the peer of the socket `fd` has closed its end; what it sent before may still wait. */
export function hasHungUp(fd: number): boolean {
  return (pollNow(fd, 0) & POLLHUP) !== 0;
}

/** poll(2) without waiting: struct pollfd is an int and two shorts, the second of which comes back. */
function pollNow(fd: number, events: number): number {
  const request = new Int32Array([fd, events]);
  return libc().poll(request, 1, 0) > 0 ? (request[1] ?? 0) >>> 16 : 0;
}

/** write(2) of all of `bytes`; the errno's name when it failed. */
export function writeFd(fd: number, bytes: Uint8Array): string | undefined {
  return libc().write(fd, bytes, bytes.length) < 0 ? errnoName(lastErrno()) : undefined;
}

/** read(2) of an eventfd: its count, 0 where a read would block. */
export function readEventFd(fd: number): bigint {
  const count = new BigUint64Array(1);
  return libc().read(fd, count, 8) === 8 ? (count[0] ?? 0n) : 0n;
}
