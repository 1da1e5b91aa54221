// What one connection may ask for. The defaults are those QEMU 11.1 works with.
import type { ServerCapabilities } from './version.ts';
import { HEADER_SIZE, RegionAccess } from './wire.ts';

export interface Limits {
  /** Descriptors in one message. QEMU takes at most 16. */
  readonly maxMessageFds: number;
  /** Bytes of one region access. */
  readonly maxTransfer: number;
  readonly maxDmaMaps: number;
  /** Mappings whose descriptor stays open, because their file could shrink. */
  readonly maxOpenFiles: number;
  /** Bytes of all mappings together: address space is finite too. */
  readonly maxMappedBytes: bigint;
  /** Messages of type reply that are dropped before the connection is. */
  readonly maxStrayReplies: number;
  /**
   * Milliseconds a device call may take. A client that waited that long has given up, and QEMU mistakes the late reply
   * for the next one for ever: the connection is closed instead. QEMU's own limit is 5000.
   */
  readonly replyDeadline: number;
}

export const DEFAULT_LIMITS: Limits = Object.freeze({
  maxMessageFds: 16,
  maxTransfer: 2 ** 20,
  maxDmaMaps: 16384,
  maxOpenFiles: 512,
  maxMappedBytes: 1n << 43n,
  maxStrayReplies: 16,
  replyDeadline: 5000,
});

export function capabilitiesOf(limits: Limits): ServerCapabilities {
  return {
    max_msg_fds: limits.maxMessageFds,
    max_data_xfer_size: limits.maxTransfer,
    max_dma_maps: limits.maxDmaMaps,
    pgsizes: 4096,
    write_multiple: true,
  };
}

/** The largest message that makes sense: a region write of the largest transfer. */
export function maxMessageSize(limits: Limits): number {
  return HEADER_SIZE + RegionAccess.size + limits.maxTransfer;
}
