import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  COMMAND, commandName, DeviceInfoPayload, DmaMap, DmaUnmap, encodeError, encodeRequest, FLAG, Header, IrqInfoPayload, IrqSetPayload,
  RegionAccess, RegionInfoPayload, RegionIoFdsPayload, TYPE, Version, WriteMulti, WriteMultiEntry,
} from '../src/wire.ts';

/** Sizes as the specification gives them, and the fields in order. */
const SPECIFIED = [
  [Header, 16, ['id', 'command', 'size', 'flags', 'errno']],
  [Version, 4, ['major', 'minor']],
  [DmaMap, 32, ['argsz', 'flags', 'offset', 'address', 'size']],
  [DmaUnmap, 24, ['argsz', 'flags', 'address', 'size']],
  [DeviceInfoPayload, 16, ['argsz', 'flags', 'numRegions', 'numIrqs']],
  [RegionInfoPayload, 32, ['argsz', 'flags', 'index', 'capOffset', 'size', 'offset']],
  [RegionIoFdsPayload, 16, ['argsz', 'flags', 'index', 'count']],
  [IrqInfoPayload, 16, ['argsz', 'flags', 'index', 'count']],
  [IrqSetPayload, 20, ['argsz', 'flags', 'index', 'start', 'count']],
  [RegionAccess, 16, ['offset', 'region', 'count']],
  [WriteMulti, 8, ['count']],
  [WriteMultiEntry, 24, ['offset', 'region', 'count', 'data']],
] as const;

describe('layouts', () => {
  test.each(SPECIFIED)('%o has the size and the fields of the specification', (layout, size, fields) => {
    expect(layout.size).toBe(size);
    const zeroes = layout.read(new Uint8Array(size));
    expect(zeroes.ok && Object.keys(zeroes.value)).toEqual(fields);
  });

  test.each(SPECIFIED)('%o: any bytes read and written again are the same bytes', (layout, size) => {
    fc.assert(fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
      const values = layout.read(bytes);
      if (!values.ok) throw new Error(values.message);
      const again = new Uint8Array(size);
      (layout.write as (bytes: Uint8Array, values: object) => void)(again, values.value);
      expect(again).toEqual(bytes);
    }));
  });

  test.each(SPECIFIED)('%o: bytes of any length never throw', (layout, size) => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(layout.read(bytes).ok).toBe(bytes.length >= size);
    }));
  });

  test('a DMA_MAP of a VMM, byte by byte', () => {
    const bytes = Buffer.from('20000000030000000000080000000000000010000000000000f0ff1f00000000', 'hex');
    expect(DmaMap.read(bytes)).toEqual({
      ok: true,
      value: { argsz: 32, flags: 3, offset: 0x80000n, address: 0x100000n, size: 0x1ffff000n },
    });
  });

  test('a structure in the middle of a buffer is read and written in place', () => {
    const buffer = new Uint8Array(40);
    Version.write(buffer.subarray(10), { major: 0x0102, minor: 3 });
    expect([...buffer.subarray(9, 15)]).toEqual([0, 2, 1, 3, 0, 0]);
    expect(Version.read(buffer.subarray(10))).toEqual({ ok: true, value: { major: 0x0102, minor: 3 } });
  });
});

describe('messages', () => {
  test('a request carries its size, and its flags beside the type', () => {
    const message = encodeRequest(0xffff, COMMAND.REGION_WRITE, Uint8Array.of(1, 2, 3), FLAG.NO_REPLY);
    expect(Buffer.from(message).toString('hex')).toBe('ffff0a00130000001000000000000000010203');
  });

  test('an error reply is a header with the errno and nothing else', () => {
    const request = { id: 9, command: COMMAND.DMA_MAP, size: 48, flags: 0, errno: 0 };
    expect(Header.read(encodeError(request, 'EEXIST'))).toEqual({
      ok: true,
      value: { id: 9, command: 2, size: 16, flags: TYPE.REPLY | FLAG.ERROR, errno: 17 },
    });
  });

  test('commands have names, also those the protocol does not have', () => {
    expect([commandName(9), commandName(15), commandName(99)]).toEqual(['REGION_READ', 'REGION_WRITE_MULTI', 'command 99']);
  });
});
