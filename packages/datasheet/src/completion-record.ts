// The 32 bytes the device writes when an operation is done (DSA spec 3.0 §8.2). Software polls the first byte: it is
// never 0 in a record that was written, and it becomes visible last.

export const COMPLETION_RECORD_SIZE = 32;
/** Bit 7 of the status byte: the access that faulted was a write. */
export const COMPLETION_FAULT_WRITE = 0x80;

export interface CompletionRecord {
  /** Bits 5:0, of COMPLETION_STATUS. */
  readonly status: number;
  readonly faultWrite: boolean;
  /** The operation's result byte. */
  readonly result: number;
  /** Bytes, or descriptors of a batch, completed; 32 bits. */
  readonly completed: number;
  readonly faultAddress: bigint;
  /** Bytes 16 to 19: the invalid flags for status 0x11, otherwise the operation's own. */
  readonly invalidFlags: number;
}

const EMPTY: CompletionRecord = Object.freeze({ status: 0, faultWrite: false, result: 0, completed: 0, faultAddress: 0n, invalidFlags: 0 });

export function encodeCompletionRecord(fields: Partial<CompletionRecord>): Uint8Array {
  const all = { ...EMPTY, ...fields };
  const bytes = new Uint8Array(COMPLETION_RECORD_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, all.status | (all.faultWrite ? COMPLETION_FAULT_WRITE : 0));
  view.setUint8(1, all.result);
  view.setUint32(4, all.completed, true);
  view.setBigUint64(8, all.faultAddress, true);
  view.setUint32(16, all.invalidFlags, true);
  return bytes;
}

export function decodeCompletionRecord(bytes: Uint8Array): CompletionRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, COMPLETION_RECORD_SIZE);
  const status = view.getUint8(0);
  return {
    status: status & 0x3f,
    faultWrite: (status & COMPLETION_FAULT_WRITE) !== 0,
    result: view.getUint8(1),
    completed: view.getUint32(4, true),
    faultAddress: view.getBigUint64(8, true),
    invalidFlags: view.getUint32(16, true),
  };
}
