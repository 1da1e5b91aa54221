// A session without a socket: ports that keep count of every descriptor, and the replies decoded.
import { fail, ok, runToCompletion } from '@siov/base';
import type { EventFd } from '@siov/base';
import type { DmaMemory } from '../src/dma-memory.ts';
import { newCounters } from '../src/events.ts';
import type { VfioUserEvent } from '../src/events.ts';
import { DEFAULT_LIMITS } from '../src/limits.ts';
import type { Limits } from '../src/limits.ts';
import { Session } from '../src/session.ts';
import { encodeVersion } from '../src/version.ts';
import { COMMAND, encodeRequest, Header, HEADER_SIZE } from '../src/wire.ts';
import type { HeaderValues } from '../src/wire.ts';
import { TestDevice } from './test-device.ts';

export interface Reply extends HeaderValues {
  readonly payload: Uint8Array;
}

export class SessionHarness {
  readonly device = new TestDevice();
  readonly counters = newCounters();
  readonly events: VfioUserEvent[] = [];
  readonly session: Session;
  readonly replies: Reply[] = [];
  /** Descriptors the session was given and nobody has closed. */
  readonly open = new Set<number>();
  /** Descriptors that were closed twice, or never given. */
  readonly closedWrongly: number[] = [];
  /** Mappings made and not yet detached. */
  attachedMemories = 0;
  /** Descriptors above this are no eventfds, and no memory either. */
  readonly goodFdsBelow = 1000;
  clock = 0;
  #nextFd = 100;

  constructor(limits: Partial<Limits> = {}) {
    this.session = new Session({
      device: this.device,
      run: runToCompletion,
      limits: { ...DEFAULT_LIMITS, ...limits },
      counters: this.counters,
      onEvent: (event) => this.events.push(event),
      ports: {
        reply: (message) => {
          const header = Header.read(message);
          if (header.ok) this.replies.push({ ...header.value, payload: message.slice(HEADER_SIZE) });
        },
        mapMemory: (fd, { size }) => {
          this.#close(fd);
          if (fd >= this.goodFdsBelow) return fail('EINVAL', 'no memory file');
          return ok(this.#memory(Number(size)));
        },
        eventFd: (fd, name) => {
          if (fd < this.goodFdsBelow) return ok(this.#eventFd(fd, name));
          this.#close(fd);
          return fail('EINVAL', 'no eventfd');
        },
        closeFd: (fd) => this.#close(fd),
        now: () => this.clock,
      },
    });
  }

  fds(count: number, from = this.#nextFd): number[] {
    const made = Array.from({ length: count }, (_, index) => from + index);
    this.#nextFd += count;
    for (const fd of made) this.open.add(fd);
    return made;
  }

  /** Gives bytes (and descriptors) and lets the session handle what is there. */
  feed(bytes: Uint8Array, fds: readonly number[] = [], fdsLost = false): void {
    this.session.receive(bytes, fds, fdsLost);
    while (this.session.step());
  }

  /** Sends one request; its reply if there was exactly one. */
  ask(command: number, payload: Uint8Array = new Uint8Array(0), fds: readonly number[] = [], flags = 0): Reply | undefined {
    const before = this.replies.length;
    this.feed(encodeRequest(77, command, payload, flags), fds);
    if (this.replies.length > before + 1) throw new Error('a request was answered more than once');
    return this.replies[before];
  }

  negotiate(capabilities: object = { write_multiple: true }): this {
    this.ask(COMMAND.VERSION, encodeVersion({ major: 0, minor: 0, capabilities }));
    return this;
  }

  #close(fd: number): void {
    if (!this.open.delete(fd)) this.closedWrongly.push(fd);
  }

  #memory(size: number): DmaMemory {
    this.attachedMemories += 1;
    let attached = 1;
    const detach = () => {
      this.attachedMemories -= attached;
      attached = 0;
    };
    return { size, read() {}, write() {}, detach };
  }

  #eventFd(fd: number, name: string): EventFd {
    let closed = false;
    return {
      name,
      signal() {},
      close: () => {
        if (!closed) this.#close(fd);
        closed = true;
      },
    };
  }
}
