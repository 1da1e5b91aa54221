// An entry of the event log: an error that the device writes to memory instead of SWERROR (DSA spec 3.0 §5.9).
import { bit, bits, register } from '@siov/base';
import { COMPLETION_RECORD_SIZE } from './completion-record.ts';

const source = 'DSA spec 3.0 §5.9';

/** EVLCFG1.size is at least this many entries. */
export const EVENT_LOG_MIN_SIZE = 64;

/** Bytes an entry by GENCAP.eventLog: 64, 128 or 256; 0: there is no event log. */
export function eventLogEntrySize(support: number): number {
  return support === 0 ? 0 : 32 << support;
}

/** The PASID and operation fields count with `descriptorValid` only. */
export const EventLogEntry0 = register('EVENT0', { offset: 0x00, width: 64, source }, {
  descriptorValid: bit(2), wqIndexValid: bit(3), batchMember: bit(4), faultWrite: bit(5), priv: bit(6), errorInfoValid: bit(7),
  /** A completion status code, one of SOFTWARE_ERROR or of EVENT_LOG_STATUS. */
  error: bits(15, 8),
  wqIndex: bits(23, 16),
  /** The same number in the entries of a batch and of its members; Linux ties them by it (idxd_evl_fault_work, from memory). */
  batchId: bits(31, 24),
  operation: bits(39, 32), pasid: bits(59, 40),
});
export const EventLogEntry1 = register('EVENT1', { offset: 0x08, width: 64, source }, {
  batchIndex: bits(15, 0),
  /** Error 11: the invalid flags. Errors 19, 1a, 26 and 27: a {@link HandleInfo}. */
  errorInfo: bits(63, 32),
});

/** What errorInfo says of a descriptor's interrupt and record; SWERROR1.errorInfo has it for error 19. */
export const HandleInfo = register('HANDLE_INFO', { offset: 0, source }, {
  handle: bits(15, 0), interruptRequested: bit(16),
  /** The descriptor came through an IMS portal. */
  ims: bit(17),
  recordRequired: bit(18),
  /** Of those of one batch that are in the log. */
  firstErrorInBatch: bit(19),
});

/** Where the fault address, or for errors 1a, 26 and 27 the completion record address is; and where the record's image. */
const ADDRESS = 16;
const RECORD = 32;

export interface EventLogEntry {
  readonly word0: typeof EventLogEntry0.reset;
  readonly word1: typeof EventLogEntry1.reset;
  readonly address: bigint;
  /** The completion record that could not be written, or all zeros: 32 bytes. */
  readonly record: Uint8Array;
}

/** The bytes of an entry; `size` is {@link eventLogEntrySize}, bytes that nothing uses are 0. */
export function encodeEventLogEntry({ word0, word1, address, record }: EventLogEntry, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(EventLogEntry0.offset, word0, true);
  view.setBigUint64(EventLogEntry1.offset, word1, true);
  view.setBigUint64(ADDRESS, address, true);
  bytes.set(record, RECORD);
  return bytes;
}

export function decodeEventLogEntry(bytes: Uint8Array): EventLogEntry {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD + COMPLETION_RECORD_SIZE);
  return {
    word0: EventLogEntry0.image(view.getBigUint64(EventLogEntry0.offset, true)),
    word1: EventLogEntry1.image(view.getBigUint64(EventLogEntry1.offset, true)),
    address: view.getBigUint64(ADDRESS, true),
    record: bytes.slice(RECORD, RECORD + COMPLETION_RECORD_SIZE),
  };
}
