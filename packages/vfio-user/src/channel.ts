// The client's end of a socket: requests go out in order, replies find the request they answer.
import { ERRNO, fail, ok } from '@siov/base';
import type { Errno, Failure, Result } from '@siov/base';
import { Framer } from './framing.ts';
import type { Message } from './framing.ts';
import { DEFAULT_LIMITS, maxMessageSize } from './limits.ts';
import { MessageSocket } from './sys-message.ts';
import { FdWatch } from './sys-poll.ts';
import { closeFd } from './sys.ts';
import { commandName, encodeRequest, FLAG, TYPE, TYPE_MASK } from './wire.ts';

const READ_SIZE = 256 * 1024;

export interface RequestOptions {
  /** Travel with the request; the caller keeps them and closes them after the reply. */
  readonly fds?: readonly number[];
  /** Posted: no reply is wanted, the result says only that the request was queued. */
  readonly noReply?: boolean;
}

interface Waiting {
  readonly command: number;
  resolve(result: Result<Uint8Array>): void;
}

interface Outgoing {
  bytes: Uint8Array;
  fds: readonly number[];
}

export class Channel {
  readonly #socket: MessageSocket;
  readonly #watch: FdWatch;
  readonly #framer: Framer;
  readonly #waiting = new Map<number, Waiting>();
  readonly #outbox: Outgoing[] = [];
  #nextId = 0;
  #lost: Failure<'ENOTCONN'> | undefined;

  /** Takes `fd` over: a connected, non-blocking stream socket. */
  constructor(fd: number) {
    this.#socket = new MessageSocket(fd, READ_SIZE);
    this.#framer = new Framer({ maxMessage: maxMessageSize(DEFAULT_LIMITS), maxFds: DEFAULT_LIMITS.maxMessageFds }, closeFd);
    this.#watch = new FdWatch(fd, () => this.#turn(), (error) => this.close(String(error)));
    this.#watch.want({ readable: true, writable: false });
  }

  /** Sends a request; the payload of its reply. Fails with the server's errno, or `ENOTCONN` once the connection is lost. */
  request(command: number, payload: Uint8Array, { fds = [], noReply = false }: RequestOptions = {}): Promise<Result<Uint8Array>> {
    if (this.#lost !== undefined) return Promise.resolve(this.#lost);
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    this.#outbox.push({ bytes: encodeRequest(id, command, payload, noReply ? FLAG.NO_REPLY : 0), fds });
    const answered = noReply
      ? Promise.resolve(ok(new Uint8Array(0)))
      : new Promise<Result<Uint8Array>>((resolve) => this.#waiting.set(id, { command, resolve }));
    this.#turn(false);
    return answered;
  }

  /** Closes the socket; requests without a reply fail with `ENOTCONN`. Again is harmless. */
  close(why = 'closed'): void {
    if (this.#lost !== undefined) return;
    this.#lost = fail('ENOTCONN', `the connection to the server is gone: ${why}`);
    this.#watch.close();
    this.#framer.drop();
    closeFd(this.#socket.fd);
    for (const { resolve } of this.#waiting.values()) resolve(this.#lost);
    this.#waiting.clear();
  }

  #turn(read = true): void {
    if (this.#lost !== undefined) return;
    try {
      this.#flush();
      if (read) this.#receive();
      if (this.#lost === undefined) this.#watch.want({ readable: true, writable: this.#outbox.length > 0 });
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
    }
  }

  #flush(): void {
    for (let next = this.#outbox[0]; next !== undefined; next = this.#outbox[0]) {
      const sent = this.#socket.send(next.bytes, next.fds);
      if (sent === 0) return;
      if (sent === next.bytes.length) this.#outbox.shift();
      else Object.assign(next, { bytes: next.bytes.subarray(sent), fds: [] });
    }
  }

  #receive(): void {
    const received = this.#socket.receive();
    if (received === undefined) return;
    if (received.bytes.length === 0) return this.close('the server closed it');
    this.#framer.push(received.bytes, received.fds);
    for (let next = this.#framer.next(); next !== undefined; next = this.#framer.next()) {
      if (next === 'broken') return this.close('a message of impossible size');
      this.#take(next);
    }
  }

  #take({ header, payload, fds }: Message): void {
    for (const fd of fds) closeFd(fd);
    const waiting = this.#waiting.get(header.id);
    if (waiting?.command !== header.command || (header.flags & TYPE_MASK) !== TYPE.REPLY) {
      return this.close(`an unexpected reply to ${commandName(header.command)} ${header.id}`);
    }
    this.#waiting.delete(header.id);
    const failed = (header.flags & FLAG.ERROR) !== 0;
    waiting.resolve(failed ? fail(errnoOf(header.errno), `the server refused ${commandName(header.command)}`) : ok(payload.slice()));
  }
}

function errnoOf(number: number): Errno {
  const found = Object.entries(ERRNO).find(([, each]) => each.number === number);
  return found === undefined ? 'EIO' : (found[0] as Errno);
}
