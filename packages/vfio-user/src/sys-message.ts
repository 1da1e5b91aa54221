// recvmsg(2) and sendmsg(2) with file descriptors, on message headers laid out by hand (64-bit struct msghdr).
import { addressOf, lastErrno, libc, MSG, SysError } from './sys.ts';

/** The most descriptors the kernel passes in one message (SCM_MAX_FD). */
const SCM_MAX_FD = 253;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const CONTROL_HEADER = 16;
const CONTROL_SIZE = CONTROL_HEADER + Math.ceil((SCM_MAX_FD * 4) / 8) * 8;
const CONTROL_AT = 72;
const IOVEC_AT = 56;

export interface Received {
  /** Valid until the next {@link MessageSocket.receive}. Empty: the peer closed. */
  readonly bytes: Uint8Array;
  readonly fds: number[];
  /** The kernel dropped descriptors because this process may open no more. */
  readonly fdsLost: boolean;
}

/** One connected, non-blocking stream socket. Owns its buffers, not the descriptor. */
export class MessageSocket {
  readonly fd: number;
  readonly #bytes: Uint8Array;
  readonly #bytesAt: number;
  readonly #header = new ArrayBuffer(CONTROL_AT + CONTROL_SIZE);
  readonly #headerAt: number;
  readonly #view: DataView;
  /** What the kernel reads from in a sendmsg: a field, so that it stays referenced for as long. */
  #outgoing = new ArrayBuffer(0);

  /** `size` is the most bytes one {@link receive} takes. */
  constructor(fd: number, size: number) {
    this.fd = fd;
    const buffer = new ArrayBuffer(size);
    this.#bytes = new Uint8Array(buffer);
    this.#bytesAt = addressOf(buffer);
    this.#headerAt = addressOf(this.#header);
    this.#view = new DataView(this.#header);
    this.#pointer(16, this.#headerAt + IOVEC_AT);
    this.#view.setUint32(24, 1, true);
  }

  /** What has arrived; undefined when nothing has. Throws {@link SysError} (`ECONNRESET`, ...). */
  receive(): Received | undefined {
    this.#pointer(IOVEC_AT, this.#bytesAt);
    this.#pointer(IOVEC_AT + 8, this.#bytes.length);
    this.#control(CONTROL_SIZE);
    const got = libc().recvmsg(this.fd, this.#headerAt, MSG.DONTWAIT | MSG.CMSG_CLOEXEC);
    if (got < 0) {
      const errno = lastErrno();
      if (errno === 11 || errno === 4) return undefined;
      throw new SysError('recvmsg', errno);
    }
    const fdsLost = (this.#view.getUint32(48, true) & MSG.CTRUNC) !== 0;
    return { bytes: this.#bytes.subarray(0, got), fds: this.#takeFds(), fdsLost };
  }

  /** Sends from `bytes`, with `fds` on the first byte; how many bytes went, 0 when the buffer is full. Throws {@link SysError}. */
  send(bytes: Uint8Array, fds: readonly number[] = []): number {
    const sent =
      fds.length === 0
        ? libc().send(this.fd, bytes, bytes.length, MSG.DONTWAIT | MSG.NOSIGNAL)
        : this.#sendWithFds(bytes, fds);
    if (sent >= 0) return sent;
    const errno = lastErrno();
    if (errno === 11 || errno === 4) return 0;
    throw new SysError('sendmsg', errno);
  }

  #sendWithFds(bytes: Uint8Array, fds: readonly number[]): number {
    const view = this.#view;
    const length = Math.min(bytes.length, this.#bytes.length);
    this.#outgoing = new ArrayBuffer(length);
    new Uint8Array(this.#outgoing).set(bytes.subarray(0, length));
    this.#pointer(IOVEC_AT, addressOf(this.#outgoing));
    this.#pointer(IOVEC_AT + 8, length);
    this.#control(CONTROL_HEADER + Math.ceil((fds.length * 4) / 8) * 8);
    this.#pointer(CONTROL_AT, CONTROL_HEADER + fds.length * 4);
    view.setInt32(CONTROL_AT + 8, SOL_SOCKET, true);
    view.setInt32(CONTROL_AT + 12, SCM_RIGHTS, true);
    fds.forEach((fd, index) => view.setInt32(CONTROL_AT + CONTROL_HEADER + index * 4, fd, true));
    return libc().sendmsg(this.fd, this.#headerAt, MSG.DONTWAIT | MSG.NOSIGNAL);
  }

  /** The descriptors in the control buffer; the kernel says how much of it it filled. */
  #takeFds(): number[] {
    const view = this.#view;
    const end = CONTROL_AT + view.getUint32(40, true);
    const fds: number[] = [];
    for (let at = CONTROL_AT; at + CONTROL_HEADER <= end; ) {
      const length = view.getUint32(at, true);
      if (length < CONTROL_HEADER) break;
      const rights = view.getInt32(at + 8, true) === SOL_SOCKET && view.getInt32(at + 12, true) === SCM_RIGHTS;
      for (let data = at + CONTROL_HEADER; rights && data + 4 <= at + length; data += 4) fds.push(view.getInt32(data, true));
      at += Math.ceil(length / 8) * 8;
    }
    return fds;
  }

  #control(size: number): void {
    this.#pointer(32, this.#headerAt + CONTROL_AT);
    this.#pointer(40, size);
    this.#view.setUint32(48, 0, true);
  }

  /** A 64-bit field from a number below 2^53. */
  #pointer(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true);
    this.#view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}
