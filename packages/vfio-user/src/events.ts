// What a server tells its embedder. Nothing here is needed to serve; all of it is needed to see why something did not work.
import type { Errno } from '@siov/base';

/** One message handled. */
export interface RequestEvent {
  readonly kind: 'request';
  /** `REGION_READ`, ..., or `command 99`. */
  readonly command: string;
  readonly id: number;
  /** Bytes of the whole message. */
  readonly size: number;
  readonly fds: number;
  /** Posted: no reply was wanted, and none was sent. */
  readonly noReply: boolean;
  /** Absent when the request succeeded. */
  readonly errno?: Errno;
  readonly message?: string;
}

export type VfioUserEvent =
  | { readonly kind: 'listening'; readonly socketPath: string }
  | { readonly kind: 'attached' }
  | { readonly kind: 'negotiated'; readonly minor: number; readonly capabilities: Readonly<Record<string, unknown>> }
  | RequestEvent
  /** A range the device cannot reach: its memory came without a descriptor (a ROM, or a VMM without shared memory). */
  | { readonly kind: 'dma-unreachable'; readonly iova: bigint; readonly size: bigint }
  /** The device's code threw. The request was answered with EIO. */
  | { readonly kind: 'device-error'; readonly operation: string; readonly error: unknown }
  /** A client came while another was attached, and was turned away with EBUSY. */
  | { readonly kind: 'refused' }
  /** The client is gone or was dropped: `reason` says which and why. The device is released. */
  | { readonly kind: 'detached'; readonly reason: string }
  /** The server itself failed in a way that no request explains. */
  | { readonly kind: 'server-error'; readonly error: unknown }
  | { readonly kind: 'closed' };

/** Counts since the server began. */
export interface Counters {
  requests: number;
  /** Requests that failed, posted ones included. */
  failures: number;
  /** Requests without a reply. */
  posted: number;
  /** DMA_UNMAP of ranges in which nothing was mapped; answered with success, since QEMU sends many under a vIOMMU. */
  emptyUnmaps: number;
  /** Messages of type reply, which a server that asks nothing does not expect. Dropped. */
  strayReplies: number;
  /** Descriptors nobody wanted: of a message that takes none, too many, or of a request that was refused. Closed. */
  excessFds: number;
  /** Interrupts that could not be signalled: the eventfd's counter was full. */
  droppedSignals: number;
  /** DMA accesses beyond the end of a file truncated after it was mapped. */
  truncatedAccesses: number;
}

export function newCounters(): Counters {
  return {
    requests: 0,
    failures: 0,
    posted: 0,
    emptyUnmaps: 0,
    strayReplies: 0,
    excessFds: 0,
    droppedSignals: 0,
    truncatedAccesses: 0,
  };
}
