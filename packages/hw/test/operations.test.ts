import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  COMPLETION_STATUS as S, DESCRIPTOR_FLAG as F, DSA_SMALL, encodeDescriptor, GENCAP, OPCODE, PASIDCTL, PRICTL, PRSREQALLOC, SWERROR0, SWERROR1, SWERROR2, Wqcfg,
} from '@siov/datasheet';
import type { Descriptor } from '@siov/datasheet';
import { Board, msixData, RECORD } from './board.ts';

const RECORD_FLAGS = F.COMPLETION_RECORD_ADDRESS_VALID | F.REQUEST_COMPLETION_RECORD;
const ready = (profile?: typeof DSA_SMALL) => new Board(profile).powerOn().enable();
const move = (fields: Partial<Descriptor>) => ({ opcode: OPCODE.MEMMOVE, source: 0x10000n, destination: 0x20000n, size: 100, ...fields });

describe('memory move', () => {
  test('any move, overlapping or not, does what memmove() does', () => {
    const place = fc.nat(0x5000);
    fc.assert(fc.property(place, place, fc.integer({ min: 1, max: 0x4000 }), (source, destination, size) => {
      const board = ready();
      const pattern = Uint8Array.from({ length: 0xa000 }, (_each, index) => (index * 7 + (index >> 8)) & 0xff);
      board.memory.write(0x10000, pattern);
      const result = board.perform(move({ source: 0x10000n + BigInt(source), destination: 0x10000n + BigInt(destination), size }));
      pattern.copyWithin(destination, source, source + size);
      expect(result).toMatchObject({ status: S.SUCCESS, completed: 0, result: 0 });
      expect(Buffer.compare(board.bytes(0x10000n, 0xa000), pattern)).toBe(0);
    }), { numRuns: 30 });
  });

  test('memory is accessed without PASID, or with the queue’s', () => {
    const plain = ready();
    plain.perform(move({ pasid: 99 }));
    expect(new Set(plain.accesses.map(({ pasid }) => pasid))).toEqual(new Set([null]));
    const board = new Board().powerOn({ pasids: true }).enable({ pasid: 0x42 });
    board.perform(move({ pasid: 99 }));
    expect(new Set(board.accesses.map(({ pasid }) => pasid))).toEqual(new Set([0x42]));
    expect(board.accesses.length).toBeGreaterThan(2);
  });

  test.each([
    ['read', 0x12n, { faultWrite: false, faultAddress: 0x12000n }],
    ['write', 0x22n, { faultWrite: true, faultAddress: 0x22000n }],
  ] as const)('a fault on %s tells how far it came and where it stopped', (_name, page, expected) => {
    const board = ready();
    board.unmapped.add(page);
    expect(board.perform(move({ size: 0x4000 }))).toMatchObject({ status: S.PAGE_FAULT, completed: 0x2000, result: 0, ...expected });
  });

  test('a fault in a copy from high to low counts from the top', () => {
    const board = ready();
    board.unmapped.add(0x10n);
    expect(board.perform(move({ source: 0x10000n, destination: 0x11000n, size: 0x3000 }))).toMatchObject({
      status: S.PAGE_FAULT, completed: 0x2000, result: 1, faultAddress: 0x10000n,
    });
  });

  test('with block on fault and page requests a refused page is a rejected request', () => {
    const board = new Board().powerOn();
    board.setConfig(PRSREQALLOC, PRSREQALLOC.image(16));
    board.setConfig(PRICTL, PRICTL.of({ enable: 1 }));
    board.write(Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, priority: 1, blockOnFaultEnable: 1 }), board.wq(0));
    board.write(Wqcfg.Size, Wqcfg.Size.image(4), board.wq(0));
    board.write(Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 16 }), board.wq(0));
    board.configureGroup(0, [0], [0]);
    board.command(1);
    board.command(6, 0);
    board.unmapped.add(0x10n);
    expect(board.perform(move({ flags: F.BLOCK_ON_FAULT })).status).toBe(S.PAGE_REQUEST_REJECTED);
    expect(board.perform(move({})).status).toBe(S.PAGE_FAULT);
  });
});

describe('checks before execution', () => {
  const F_ALL = F;
  test.each<[string, Partial<Descriptor>, number, number?]>([
    ['an operation the device does not have', { opcode: 0x0b }, S.UNSUPPORTED_OPERATION],
    ['an operation that is not modelled yet', { opcode: OPCODE.FILL, size: 8 }, S.UNSUPPORTED_OPERATION],
    ['size 0', move({ size: 0 }), S.TRANSFER_SIZE],
    ['more than the queue allows', move({ size: 0x10001 }), S.TRANSFER_SIZE],
    ['a fence outside a batch', { opcode: OPCODE.NOOP, flags: F.FENCE }, S.INVALID_FLAGS, F.FENCE],
    ['a flag nobody knows', { opcode: OPCODE.NOOP, flags: 0x60 }, S.INVALID_FLAGS, 0x60],
    ['flags of another operation', { opcode: OPCODE.NOOP, flags: F.CHECK_RESULT | F_ALL.ADDRESS1_TC }, S.INVALID_FLAGS, F.CHECK_RESULT | F.ADDRESS1_TC],
    ['operation flags', move({ flags: 0x10000 }), S.INVALID_FLAGS, 0x10000],
    ['block on fault that the queue does not allow', move({ flags: F.BLOCK_ON_FAULT }), S.INVALID_FLAGS, F.BLOCK_ON_FAULT],
    ['a reserved field', { opcode: OPCODE.NOOP, source: 1n }, S.RESERVED_FIELD],
    ['operation bytes of one that has none', move({ specific: [0, 0, 0, 0, 0, 1] }), S.RESERVED_FIELD],
    ['a handle without a request for the interrupt', { opcode: OPCODE.NOOP, interruptHandle: 1 }, S.RESERVED_FIELD],
    ['a batch of none', { opcode: OPCODE.BATCH, size: 0 }, S.DESCRIPTOR_COUNT],
    ['a batch of one', { opcode: OPCODE.BATCH, size: 1 }, S.DESCRIPTOR_COUNT],
    ['a batch larger than the queue allows', { opcode: OPCODE.BATCH, size: 33 }, S.DESCRIPTOR_COUNT],
    ['a list that is not aligned', { opcode: OPCODE.BATCH, size: 2, source: 32n }, S.LIST_ALIGNMENT],
  ])('%s', (_name, fields, status, invalidFlags = 0) => {
    const board = ready();
    expect(board.perform(fields)).toMatchObject({ status, invalidFlags, completed: 0 });
    expect(SWERROR0.valid.get(board.read(SWERROR0))).toBe(0);
  });

  test('flags that a device without the ability reserves', () => {
    const board = ready(DSA_SMALL);
    expect(board.perform(move({ flags: F.CACHE_CONTROL | F.DESTINATION_READBACK })).invalidFlags).toBe(F.CACHE_CONTROL | F.DESTINATION_READBACK);
    expect(ready().perform(move({ flags: F.CACHE_CONTROL | F.DESTINATION_READBACK | F.STRICT_ORDERING })).status).toBe(S.SUCCESS);
  });

  test('buffers may overlap only where the device says so', () => {
    expect(GENCAP.overlappingCopy.get(DSA_SMALL.GENCAP)).toBe(0);
    const board = ready(DSA_SMALL);
    expect(board.perform(move({ destination: 0x10063n })).status).toBe(S.OVERLAPPING_BUFFERS);
    expect(board.perform(move({ destination: 0x10064n })).status).toBe(S.SUCCESS);
    expect(board.perform({ opcode: OPCODE.BATCH, size: 2 }).status).toBe(S.UNSUPPORTED_OPERATION);
  });

  test('privilege in a shared queue needs privileged mode; the error goes to SWERROR', () => {
    const board = new Board().powerOn();
    board.setConfig(PASIDCTL, PASIDCTL.of({ enable: 1 }));
    board.enable({ dedicated: false, pasid: 0, threshold: 8 });
    board.enqueue({ opcode: OPCODE.NOOP, flags: RECORD_FLAGS, completionRecord: RECORD, pasid: 5, priv: true });
    board.settle();
    expect(board.record(RECORD).status).toBe(0);
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ error: S.PRIVILEGE, pasid: 5, priv: 1 });
  });

  test('a shared queue acts in the name of each descriptor', () => {
    const board = new Board().powerOn({ pasids: true }).enable({ dedicated: false, pasid: 0, threshold: 8 });
    for (const pasid of [5, 6]) board.enqueue({ ...move({ pasid }), flags: RECORD_FLAGS, completionRecord: RECORD });
    board.settle();
    expect([...new Set(board.accesses.map(({ pasid }) => pasid))]).toEqual([5, 6]);
  });
});

describe('completion record', () => {
  test('on success it is written when asked for, on failure whenever there is a place', () => {
    const board = ready();
    const status = (fields: Partial<Descriptor>) => {
      board.memory.write(Number(RECORD), new Uint8Array(32));
      board.submit({ completionRecord: RECORD, ...fields });
      board.settle();
      return board.record(RECORD).status;
    };
    expect(status({ opcode: OPCODE.NOOP, flags: F.COMPLETION_RECORD_ADDRESS_VALID })).toBe(0);
    expect(status({ opcode: OPCODE.NOOP, flags: RECORD_FLAGS })).toBe(S.SUCCESS);
    expect(status(move({ size: 0, flags: F.COMPLETION_RECORD_ADDRESS_VALID }))).toBe(S.TRANSFER_SIZE);
  });

  test('its first byte is written last', () => {
    const board = ready();
    board.perform({ opcode: OPCODE.NOOP });
    expect(board.accesses.map(({ address, length }) => [address, length])).toEqual([[RECORD + 8n, 24], [RECORD, 8]]);
  });

  test('without a place for it errors are software errors, success says nothing', () => {
    const board = ready();
    board.submit({ opcode: OPCODE.NOOP });
    board.settle();
    expect(board.read(SWERROR0)).toBe(0n);
    board.submit({ opcode: OPCODE.NOOP, flags: 0x60 });
    board.submit(move({ size: 0 }));
    board.settle();
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 1, error: S.INVALID_FLAGS, errorInfoValid: 1 });
    expect(SWERROR1.errorInfo.get(board.read(SWERROR1))).toBe(0x60);
    // Software acknowledges as the Linux driver does: the value it read, valid and overflow.
    board.write(SWERROR0, SWERROR0.image(3n));
    expect(SWERROR0.valid.get(board.read(SWERROR0))).toBe(0);
    const wrong = { opcode: OPCODE.NOOP, completionRecord: RECORD };
    for (let count = 0; count < 2; count++) board.submit(wrong);
    board.settle();
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 1, error: S.RESERVED_FIELD });
    // Overflow is cleared by itself, and outlives an error that is acknowledged alone.
    board.write(SWERROR0, SWERROR0.image(1n));
    board.submit(wrong);
    board.settle();
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 1 });
    board.write(SWERROR0, SWERROR0.image(2n));
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 0 });
  });

  test('one that is not aligned is a software error, and the interrupt is sent', () => {
    const board = ready();
    board.submit({ opcode: OPCODE.NOOP, flags: RECORD_FLAGS | F.REQUEST_COMPLETION_INTERRUPT, interruptHandle: 1, completionRecord: RECORD + 16n });
    board.settle();
    expect(SWERROR0.error.get(board.read(SWERROR0))).toBe(S.RECORD_ALIGNMENT);
    expect(board.accesses).toEqual([]);
    expect(board.take()).toEqual([msixData(1)]);
  });

  test('one that cannot be written is a software error with the address, and no interrupt', () => {
    const board = ready();
    board.unmapped.add(RECORD >> 12n);
    board.submit({ opcode: OPCODE.NOOP, flags: RECORD_FLAGS | F.REQUEST_COMPLETION_INTERRUPT, interruptHandle: 1, completionRecord: RECORD });
    board.settle();
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ error: S.RECORD_FAULT, faultWrite: 1 });
    expect(SWERROR2.faultAddress.get(board.read(SWERROR2))).toBe(RECORD);
    expect(board.take()).toEqual([]);
  });
});

describe('batch', () => {
  const LIST = 0x30000n;
  const batch = (board: Board, members: Partial<Descriptor>[], fields: Partial<Descriptor> = {}, ims = false) => {
    for (const [index, member] of members.entries()) board.memory.write(Number(LIST) + 64 * index, encodeDescriptor(member));
    return board.perform({ opcode: OPCODE.BATCH, source: LIST, size: members.length, ...fields }, { ims });
  };
  const memberRecord = (index: number) => 0x40000n + BigInt(32 * index);
  const member = (index: number, fields: Partial<Descriptor> = {}): Partial<Descriptor> =>
    ({ opcode: OPCODE.NOOP, completionRecord: memberRecord(index), ...fields, flags: RECORD_FLAGS | (fields.flags ?? 0) });
  const bad = { opcode: OPCODE.MEMMOVE, size: 0 };
  const statuses = (board: Board, count: number) => Array.from({ length: count }, (_each, index) => board.record(memberRecord(index)).status);

  test('all members done: success, and their number', () => {
    const board = ready();
    expect(batch(board, [member(0), member(1, move({})), member(2)])).toMatchObject({ status: S.SUCCESS, completed: 3 });
    expect(statuses(board, 3)).toEqual([1, 1, 1]);
  });

  test('one failed: said, the others still run, and the record comes also when only a failure was to be told', () => {
    const board = ready();
    expect(batch(board, [member(0, bad), member(1)])).toMatchObject({ status: S.BATCH_MEMBER_FAILED, completed: 2 });
    expect(statuses(board, 2)).toEqual([S.TRANSFER_SIZE, S.SUCCESS]);
    board.memory.write(Number(RECORD), new Uint8Array(32));
    board.submit({ opcode: OPCODE.BATCH, source: LIST, size: 2, flags: F.COMPLETION_RECORD_ADDRESS_VALID, completionRecord: RECORD });
    board.settle();
    expect(board.record(RECORD).status).toBe(S.BATCH_MEMBER_FAILED);
  });

  test('a fence after a failure abandons its member and all later ones', () => {
    const board = ready();
    expect(batch(board, [member(0, bad), member(1), member(2, { flags: F.FENCE }), member(3)])).toMatchObject({ status: S.BATCH_MEMBER_FAILED, completed: 2 });
    expect(statuses(board, 4)).toEqual([S.TRANSFER_SIZE, 1, 0, 0]);
  });

  test('a fence after success only orders', () => {
    const board = ready();
    expect(batch(board, [member(0), member(1, { flags: F.FENCE })])).toMatchObject({ status: S.SUCCESS, completed: 2 });
  });

  test('batches and drains do not go into batches', () => {
    const board = ready();
    expect(batch(board, [member(0, { opcode: OPCODE.BATCH, size: 2 }), member(1, { opcode: OPCODE.DRAIN })]).status).toBe(S.BATCH_MEMBER_FAILED);
    expect(statuses(board, 2)).toEqual([S.UNSUPPORTED_OPERATION, S.UNSUPPORTED_OPERATION]);
  });

  test('a list that cannot be read', () => {
    const board = ready();
    board.unmapped.add(LIST >> 12n);
    expect(batch(board, [member(0), member(1)])).toMatchObject({ status: S.BATCH_LIST_FAULT, completed: 0, faultAddress: LIST });
  });

  test('members interrupt through the table of the portal the batch came by, in the batch’s name', () => {
    const board = new Board().powerOn({ pasids: true }).enable({ pasid: 7, priv: true });
    board.setUpIms(5, 7);
    const member5 = member(0, { flags: F.REQUEST_COMPLETION_INTERRUPT, interruptHandle: 5, pasid: 0x999 });
    expect(batch(board, [member5, member(1)], {}, true).status).toBe(S.SUCCESS);
    expect(board.take()).toEqual([0x1005]);
    expect(new Set(board.accesses.map(({ pasid }) => pasid))).toEqual(new Set([7]));
  });

  test.each([true, false])('the list, the data and the records are reached with the rights of the submitter: privileged %s', (priv) => {
    const board = new Board().powerOn({ pasids: true }).enable({ pasid: 7, priv });
    expect(batch(board, [member(0), member(1)]).status).toBe(S.SUCCESS);
    expect([board.privileged.length > 6, new Set(board.privileged)]).toEqual([true, new Set([priv])]);
  });

  test('a member without a record of its own tells SWERROR its place', () => {
    const board = ready();
    batch(board, [member(0), { opcode: OPCODE.NOOP, flags: 0x20 }]);
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ error: S.INVALID_FLAGS, batchMember: 1 });
    expect(SWERROR1.batchIndex.get(board.read(SWERROR1))).toBe(1);
  });
});

describe('drain', () => {
  test('must ask for a record or an interrupt', () => {
    const board = ready();
    board.submit({ opcode: OPCODE.DRAIN, flags: F.COMPLETION_RECORD_ADDRESS_VALID, completionRecord: RECORD });
    board.settle();
    expect(board.record(RECORD).status).toBe(S.INVALID_FLAGS);
    expect(board.perform({ opcode: OPCODE.DRAIN }).status).toBe(S.SUCCESS);
  });

  test('with an interrupt and no record, as the Linux driver does it after a revocation', () => {
    const board = ready();
    board.submit({ opcode: OPCODE.DRAIN, flags: F.REQUEST_COMPLETION_INTERRUPT, interruptHandle: 1, priv: true });
    board.settle();
    expect(board.take()).toEqual([msixData(1)]);
  });
});
