// What a request handler sees of the session it runs in.
import type { EventFd, Result, Steps } from '@siov/base';
import type { VfioDevice } from '@siov/vfio';
import type { DmaMemory, MemoryRequest } from './dma-memory.ts';
import type { DmaTable } from './dma-table.ts';
import type { Counters, VfioUserEvent } from './events.ts';
import type { Message } from './framing.ts';
import type { Limits } from './limits.ts';

/** What a session needs of the outside. A descriptor given to a port is the port's from then on. */
export interface SessionPorts {
  /** Queues one whole message for the client. */
  reply(message: Uint8Array): void;
  mapMemory(fd: number, request: MemoryRequest): Result<DmaMemory, 'EINVAL' | 'ENOMEM' | 'ENOSPC'>;
  eventFd(fd: number, name: string): Result<EventFd, 'EINVAL'>;
  closeFd(fd: number): void;
  /** Milliseconds, monotonic. */
  now(): number;
}

export interface RequestContext {
  readonly device: VfioDevice;
  readonly ports: SessionPorts;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly dma: DmaTable<DmaMemory>;
  /** Whether client and server agreed on REGION_WRITE_MULTI. */
  readonly writeMultiple: boolean;
  /** Runs a device call to its end. Throws what it throws. */
  call<T>(operation: string, steps: Steps<T>): T;
  emit(event: VfioUserEvent): void;
}

/**
 * Serves one request; the reply's message (of `newMessage`, header not yet written) or the failure. It takes the
 * descriptors it keeps out of `message.fds`; the session closes what is left. What it throws was thrown by the device
 * and becomes EIO.
 */
export type Handler = (session: RequestContext, message: Message) => Result<Uint8Array>;
