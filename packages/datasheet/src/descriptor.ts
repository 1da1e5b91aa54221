// The 64 bytes that software submits (DSA spec 3.0 §8.1).
import { bit, bits, register } from '@siov/base';

export const DESCRIPTOR_SIZE = 64;

const source = 'DSA spec 3.0 §8.1';

/** First word. Counts for shared queues only: a dedicated queue's WQCFG says both. */
export const DescriptorPasid = register('DESCRIPTOR_PASID', { offset: 0, source }, { pasid: bits(19, 0), priv: bit(31) });
/** Second word: flags of {@link DESCRIPTOR_FLAG}, operation code of OPCODE. */
export const DescriptorOperation = register('DESCRIPTOR_OPERATION', { offset: 4, source }, { flags: bits(23, 0), opcode: bits(31, 24) });

/** Descriptor flags (DSA spec 3.0 §8.1.3). Bits 23:16 are each operation's own. */
export const DESCRIPTOR_FLAG = {
  /** In a batch: wait for all earlier members; abandoned if one of them failed. */
  FENCE: 0x1,
  BLOCK_ON_FAULT: 0x2,
  /** The completion record address holds one. */
  COMPLETION_RECORD_ADDRESS_VALID: 0x4,
  /** Write a completion record also on success. */
  REQUEST_COMPLETION_RECORD: 0x8,
  /** Send the interrupt of the handle when done. */
  REQUEST_COMPLETION_INTERRUPT: 0x10,
  CHECK_RESULT: 0x80,
  CACHE_CONTROL: 0x100,
  /** Traffic class of an address: TC-B instead of TC-A. */
  ADDRESS1_TC: 0x200, ADDRESS2_TC: 0x400, ADDRESS3_TC: 0x800, COMPLETION_RECORD_TC: 0x1000,
  STRICT_ORDERING: 0x2000,
  DESTINATION_READBACK: 0x4000,
} as const;

/** Flags every operation knows; each is legal under its own condition (DSA spec 3.0 table 5-4). */
export const COMMON_FLAGS = DESCRIPTOR_FLAG.FENCE | DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD |
  DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT | DESCRIPTOR_FLAG.COMPLETION_RECORD_TC;

export interface Descriptor {
  /** 20 bits. */
  readonly pasid: number;
  readonly priv: boolean;
  /** 24 bits, of {@link DESCRIPTOR_FLAG}. */
  readonly flags: number;
  /** 8 bits, of OPCODE. */
  readonly opcode: number;
  /** Bus address, a multiple of 32. */
  readonly completionRecord: bigint;
  /** Bytes 16 to 23: source, descriptor list or pattern. */
  readonly source: bigint;
  /** Bytes 24 to 31: destination or second source. */
  readonly destination: bigint;
  /** Bytes of a transfer, or descriptors of a batch; 32 bits. */
  readonly size: number;
  /** 16 bits: a handle of the table that the portal chooses. */
  readonly interruptHandle: number;
  /** Bytes 40 to 63 as 32-bit words: the operation's own. */
  readonly specific: readonly [number, number, number, number, number, number];
}

const NOTHING: Descriptor = Object.freeze({
  pasid: 0, priv: false, flags: 0, opcode: 0, completionRecord: 0n, source: 0n, destination: 0n, size: 0, interruptHandle: 0,
  specific: Object.freeze([0, 0, 0, 0, 0, 0] as const),
});

/** The descriptor with these fields and all others zero; reserved bytes are zero. Throws ModelError where a field does not fit. */
export function encodeDescriptor(fields: Partial<Descriptor>): Uint8Array {
  const all = { ...NOTHING, ...fields };
  const bytes = new Uint8Array(DESCRIPTOR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(DescriptorPasid.offset, DescriptorPasid.of({ pasid: all.pasid, priv: all.priv ? 1 : 0 }), true);
  view.setUint32(DescriptorOperation.offset, DescriptorOperation.of({ flags: all.flags, opcode: all.opcode }), true);
  view.setBigUint64(8, all.completionRecord, true);
  view.setBigUint64(16, all.source, true);
  view.setBigUint64(24, all.destination, true);
  view.setUint32(32, all.size, true);
  view.setUint16(36, all.interruptHandle, true);
  for (const [index, word] of all.specific.entries()) view.setUint32(40 + 4 * index, word, true);
  return bytes;
}

/** Reads 64 bytes; reserved ones are not looked at. */
export function decodeDescriptor(bytes: Uint8Array): Descriptor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, DESCRIPTOR_SIZE);
  const first = DescriptorPasid.image(view.getUint32(DescriptorPasid.offset, true));
  const second = DescriptorOperation.image(view.getUint32(DescriptorOperation.offset, true));
  const word = (index: number) => view.getUint32(40 + 4 * index, true);
  return {
    pasid: DescriptorPasid.pasid.get(first),
    priv: DescriptorPasid.priv.get(first) === 1,
    flags: DescriptorOperation.flags.get(second),
    opcode: DescriptorOperation.opcode.get(second),
    completionRecord: view.getBigUint64(8, true),
    source: view.getBigUint64(16, true),
    destination: view.getBigUint64(24, true),
    size: view.getUint32(32, true),
    interruptHandle: view.getUint16(36, true),
    specific: [word(0), word(1), word(2), word(3), word(4), word(5)],
  };
}
