// A unit of work inside the device: a descriptor, where it came from, and on whose behalf it acts.
import { decodeDescriptor } from '@siov/datasheet';
import type { Descriptor } from '@siov/datasheet';

/** In whose name memory is accessed. The WQCFG's for a dedicated queue, the descriptor's own for a shared one. */
export interface Submitter {
  /** Null: the queue does not use PASIDs. */
  readonly pasid: number | null;
  readonly priv: boolean;
}

export interface Work {
  readonly engine: number;
  readonly wq: number;
  /** It came through an IMS portal: its interrupt handle is one of the message store. */
  readonly ims: boolean;
  readonly submitter: Submitter;
  /** The 64 bytes, for checks of what the decoded form leaves out. */
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
  /** Position in its batch, or undefined where it was submitted itself. */
  readonly batchIndex: number | undefined;
  /** The record of a member of the same batch before it is in the event log. */
  readonly earlierLogged: boolean;
}

/** How an operation ended. */
export interface Outcome {
  /** Of COMPLETION_STATUS. */
  readonly status: number;
  readonly result?: number;
  readonly completed?: number;
  readonly invalidFlags?: number;
  readonly fault?: { readonly address: bigint; readonly write: boolean };
  /** Of a batch: records of members are in the event log instead of memory. */
  readonly membersLogged?: boolean;
}

/** A member of a batch acts as if submitted where the batch was, in the same name (DSA spec 3.0 §3.7, §8.1). */
export function batchMember(batch: Work, bytes: Uint8Array, batchIndex: number, earlierLogged: boolean): Work {
  return { ...batch, bytes, descriptor: decodeDescriptor(bytes), batchIndex, earlierLogged };
}
