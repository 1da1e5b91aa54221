// One client on a socket: moves bytes and descriptors between the event loop and a session, and ends exactly once.
import { mapMemory } from './dma-memory.ts';
import { realEventFd } from './eventfd.ts';
import { Session } from './session.ts';
import type { SessionOptions } from './session.ts';
import { MessageSocket } from './sys-message.ts';
import { FdWatch } from './sys-poll.ts';
import { closeFd, hasHungUp, SysError } from './sys.ts';
import type { EventFd } from '@siov/base';

/** Bytes of one read: more than a socket's default buffer holds. */
const READ_SIZE = 256 * 1024;
/** Messages handled before the event loop may do something else. */
const MESSAGES_PER_TURN = 256;
/** Bytes of replies that may wait for the client; until they are gone nothing more is handled. */
const OUTBOX_LIMIT = 2 * 2 ** 20;

export interface ConnectionOptions extends Omit<SessionOptions, 'ports'> {
  readonly fd: number;
  /** Milliseconds a client may leave a message half sent, replies unread, or VERSION unsaid. */
  readonly idleLimit: number;
  /** The connection is over, everything of it is released. Called once. */
  readonly onEnd: (reason: string) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #session: Session;
  readonly #socket: MessageSocket;
  readonly #watch: FdWatch;
  readonly #watchdog: NodeJS.Timeout;
  readonly #eventFds = new Set<EventFd>();
  #outbox: Uint8Array[] = [];
  #outboxBytes = 0;
  #backlog = false;
  #scheduled = false;
  #inTurn = false;
  #ended = false;
  #progress = 0;
  #ending: string | undefined;

  constructor(options: ConnectionOptions) {
    const { fd, idleLimit } = options;
    this.#options = options;
    this.#session = new Session({ ...options, ports: this.#ports() });
    this.#socket = new MessageSocket(fd, READ_SIZE);
    this.#watch = new FdWatch(fd, () => this.#turn(), (error) => this.close(`the server failed: ${String(error)}`));
    this.#watch.want({ readable: true, writable: false });
    this.#watchdog = setInterval(this.#stallCheck(), idleLimit / 2).unref();
  }

  /** Ends the connection; at once, or when the request being handled is done. Again is harmless. */
  close(reason: string): void {
    this.#ending ??= reason;
    if (!this.#inTurn) this.#end();
  }

  /**
   * Ends the connection if the client has gone and the event loop has not said so yet: whoever connects next was not
   * too early. What the client sent before it went is still handled.
   */
  endIfGone(): void {
    if (!hasHungUp(this.#socket.fd)) return;
    while (!this.#ended) this.#turn();
  }

  #ports() {
    const { counters, limits } = this.#options;
    const budget = { openFiles: limits.maxOpenFiles };
    return {
      reply: (message: Uint8Array) => {
        this.#outbox.push(message);
        this.#outboxBytes += message.length;
      },
      mapMemory: (fd: number, request: Parameters<typeof mapMemory>[1]) =>
        mapMemory(fd, request, { budget, onTruncated: () => void (counters.truncatedAccesses += 1) }),
      eventFd: (fd: number, name: string) => {
        const made = realEventFd(fd, name, {
          onDropped: () => void (counters.droppedSignals += 1),
          onClose: () => void (made.ok && this.#eventFds.delete(made.value)),
        });
        if (made.ok) this.#eventFds.add(made.value);
        return made;
      },
      closeFd,
      now: () => performance.now(),
    };
  }

  /** One turn: what is left of the last read or else a new one, handled; the replies sent together. */
  #turn(): void {
    if (this.#ended) return;
    this.#inTurn = true;
    this.#progress += 1;
    try {
      this.#flush();
      if (this.#outboxBytes === 0 && (this.#backlog || this.#receive())) this.#handle();
      this.#flush();
    } catch (error) {
      this.#ending ??= error instanceof SysError ? `the socket failed: ${error.message}` : `the server failed: ${String(error)}`;
    }
    this.#inTurn = false;
    this.#ending ??= this.#session.broken;
    if (this.#ending === undefined) this.#wait();
    else this.#end();
  }

  /** Reads once; false when nothing has come, or the client has gone. */
  #receive(): boolean {
    const received = this.#socket.receive();
    if (received === undefined) return false;
    this.#session.receive(received.bytes, received.fds, received.fdsLost);
    if (received.bytes.length === 0) this.#ending ??= 'the client closed the connection';
    return received.bytes.length > 0;
  }

  #handle(): void {
    this.#backlog = true;
    for (let count = 0; count < MESSAGES_PER_TURN && this.#outboxBytes < OUTBOX_LIMIT; count++) {
      if (this.#ending !== undefined) return;
      if (!this.#session.step()) {
        this.#backlog = false;
        return;
      }
    }
  }

  /** Sends what waits: small replies in one piece. */
  #flush(): void {
    while (this.#outboxBytes > 0) {
      const bytes = this.#outbox.length === 1 ? (this.#outbox[0] as Uint8Array) : Buffer.concat(this.#outbox);
      const sent = this.#socket.send(bytes);
      this.#outbox = sent < bytes.length ? [bytes.subarray(sent)] : [];
      this.#outboxBytes -= sent;
      if (sent === 0) return;
    }
  }

  /** While replies wait, only room for them is of interest: a client that does not read is not read from. */
  #wait(): void {
    const full = this.#outboxBytes > 0;
    this.#watch.want({ readable: !full && !this.#backlog, writable: full });
    if (full || !this.#backlog || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** A check that, run twice without progress between while the client owes something, closes the connection. */
  #stallCheck(): () => void {
    let seen = -1;
    let stalls = 0;
    return () => {
      const { midMessage, negotiated } = this.#session;
      const owed = midMessage ? 'the rest of a message' : this.#outboxBytes > 0 ? 'reading replies' : negotiated ? undefined : 'VERSION';
      stalls = owed !== undefined && seen === this.#progress ? stalls + 1 : 0;
      seen = this.#progress;
      if (stalls >= 2) this.close(`the client owes ${owed} for too long`);
    };
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#watchdog);
    this.#watch.close();
    try {
      this.#session.end();
    } finally {
      for (const eventFd of this.#eventFds) eventFd.close();
      closeFd(this.#socket.fd);
      this.#options.onEnd(this.#ending ?? 'closed');
    }
  }
}
