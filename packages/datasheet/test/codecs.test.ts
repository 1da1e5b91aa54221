import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  decodeCompletionRecord, decodeDescriptor, decodeEventLogEntry, encodeCompletionRecord, encodeEventLogEntry, EventLogEntry0, EventLogEntry1, eventLogEntrySize, HandleInfo, encodeDescriptor, OPCODE, OPERATIONS, portalOf, portalOffset, DESCRIPTOR_FLAG,
} from '../src/index.ts';

const u32 = fc.nat(0xffffffff);
const u64 = fc.bigInt(0n, (1n << 64n) - 1n);

describe('descriptor', () => {
  const descriptor = fc.record({
    pasid: fc.nat(0xfffff), priv: fc.boolean(), flags: fc.nat(0xffffff), opcode: fc.nat(255), completionRecord: u64, source: u64,
    destination: u64, size: u32, interruptHandle: fc.nat(0xffff), specific: fc.tuple(u32, u32, u32, u32, u32, u32),
  });

  test('what is encoded comes back', () => {
    fc.assert(fc.property(descriptor, (fields) => {
      expect(decodeDescriptor(encodeDescriptor(fields))).toEqual(fields);
    }));
  });

  test('bytes come back but for reserved ones, also out of a larger buffer', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.nat(9), (bytes, before) => {
      const buffer = new Uint8Array(before + 64);
      buffer.set(bytes, before);
      const expected = Uint8Array.from(bytes);
      expected[2] = (expected[2] ?? 0) & 0x0f;
      expected[3] = (expected[3] ?? 0) & 0x80;
      expected.fill(0, 38, 40);
      expect(encodeDescriptor(decodeDescriptor(buffer.subarray(before)))).toEqual(expected);
    }));
  });

  test('the fields are where the Linux driver puts them', () => {
    const bytes = encodeDescriptor({ opcode: OPCODE.MEMMOVE, flags: 0x1c, pasid: 0x12345, priv: true, interruptHandle: 0x0102, size: 0x1000 });
    const view = new DataView(bytes.buffer);
    expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(32, true), view.getUint16(36, true)]).toEqual([0x80012345, 0x0300001c, 0x1000, 0x0102]);
  });

  test('no operation allows a flag and reserves it at once, or requires one it does not allow', () => {
    const common = 0x1f | DESCRIPTOR_FLAG.COMPLETION_RECORD_TC;
    for (const { flags, requires, reserved } of OPERATIONS.values()) {
      expect(requires & ~(flags | common)).toBe(0);
      // The fields every descriptor has are never reserved: PASID to completion record address, and the handle.
      for (const [first, last] of reserved) expect(first >= 16 && last >= first && last < 64 && !(first <= 37 && last >= 36)).toBe(true);
    }
  });
});

describe('completion record', () => {
  test('what is encoded comes back', () => {
    const record = fc.record({
      status: fc.integer({ min: 1, max: 0x3f }), faultWrite: fc.boolean(), result: fc.nat(255), completed: u32, faultAddress: u64, invalidFlags: u32,
    });
    fc.assert(fc.property(record, (fields) => {
      const bytes = encodeCompletionRecord(fields);
      expect(decodeCompletionRecord(bytes)).toEqual(fields);
      expect(bytes[0]).not.toBe(0);
    }));
  });
});

describe('event log entry', () => {
  test('what is encoded comes back, in entries of every size, and what is behind it is zero', () => {
    const entry = fc.record({ word0: u64.map((raw) => EventLogEntry0.image(raw)), word1: u64.map((raw) => EventLogEntry1.image(raw)), address: u64, record: fc.uint8Array({ minLength: 32, maxLength: 32 }) });
    fc.assert(fc.property(entry, fc.constantFrom(1, 2, 3), (fields, support) => {
      const bytes = encodeEventLogEntry(fields, eventLogEntrySize(support));
      expect(decodeEventLogEntry(bytes)).toEqual(fields);
      expect(bytes.subarray(64).every((byte) => byte === 0)).toBe(true);
    }));
  });

  test('its fields are where the Linux driver reads them', () => {
    expect([0, 1, 2, 3].map(eventLogEntrySize)).toEqual([0, 64, 128, 256]);
    const word0 = EventLogEntry0.of({ descriptorValid: 1, wqIndexValid: 1, batchMember: 1, faultWrite: 1, priv: 1, errorInfoValid: 1, error: 0x1a, wqIndex: 3, batchId: 4, operation: 5, pasid: 0x12345 });
    expect(word0).toBe(0x01234505_04031afcn);
    const errorInfo = HandleInfo.of({ handle: 0x1234, interruptRequested: 1, ims: 1, recordRequired: 1, firstErrorInBatch: 1 });
    expect(EventLogEntry1.of({ batchIndex: 7, errorInfo })).toBe(0x000f1234_00000007n);
  });
});

describe('portal', () => {
  test('every page of every queue decodes to what it was made of, in any slot', () => {
    fc.assert(fc.property(fc.nat(255), fc.boolean(), fc.boolean(), fc.nat(63), (wq, limited, ims, slot) => {
      expect(portalOf(portalOffset({ wq, limited, ims }) + 64 * slot)).toEqual({ wq, limited, ims });
    }));
  });

  test('the Linux driver finds the limited MSI-X portal at 0x1000 of a queue', () => {
    expect(portalOffset({ wq: 3, limited: true, ims: false })).toBe((3 << 14) + 0x1000);
  });

  test('no submission starts off a 64-byte boundary', () => {
    expect(portalOf(0x1008)).toBeUndefined();
    expect(portalOf(-64)).toBeUndefined();
  });
});
