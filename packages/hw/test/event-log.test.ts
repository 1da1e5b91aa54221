// The event log: what goes there and what does not, and its entries byte by byte (DSA spec 3.0 §5.8, §5.9, §9.2.16-17).
import { describe, expect, test } from 'vitest';
import {
  CMD, COMMAND, command, COMMAND_ERROR, COMPLETION_STATUS, decodeCompletionRecord, DESCRIPTOR_FLAG as F, DEVICE_STATE, DSA_EVENT_LOG, DSA_SMALL,
  DSA_SPR, EVENT_LOG_STATUS, EVLCFG0, EVLCFG1, EVLSTATUS, GENCAP, GENCFG, INTCAUSE, OPCODE, PASIDCTL, PRICTL, SOFTWARE_ERROR, Wqcfg,
} from '@siov/datasheet';
import type { Descriptor, Portal } from '@siov/datasheet';
import { Board, imsData, msixData, RECORD } from './board.ts';
import { LOG, SIZE, RCI, CRAV, UNMAPPED, stalling, configured, logging, status, swerror, entry, info, wrong, fail } from './log-board.ts';

describe('a device without event log', () => {
  test.each([DSA_SPR, DSA_SMALL])('$name says so, and has no registers for it', (profile) => {
    const board = new Board(profile, 'none').powerOn();
    expect([GENCAP.eventLog.get(board.read(GENCAP)), GENCAP.eventLogOverflow.get(board.read(GENCAP))]).toEqual([0, 0]);
    for (const register of [EVLCFG0, EVLCFG1, EVLSTATUS]) {
      board.run(board.device.bar0.write64(register.offset, (1n << 64n) - 1n));
      expect(board.run(board.device.bar0.read64(register.offset))).toBe(0n);
    }
  });
});

describe('Enable Device with event log', () => {
  test.each<[string, number, (board: Board) => void]>([
    ['in order', 0, () => undefined],
    ['fewer than 64 entries', COMMAND_ERROR.EVENT_LOG_CONFIG, (board) => board.write(EVLCFG1, EVLCFG1.of({ size: 63 }))],
    ['beyond the last address', COMMAND_ERROR.EVENT_LOG_CONFIG, (board) => board.write(EVLCFG0, EVLCFG0.of({ base: (1n << 52n) - 1n })) ?? board.write(EVLCFG1, EVLCFG1.of({ size: 65 }))],
    ['up to the last address', 0, (board) => board.write(EVLCFG0, EVLCFG0.of({ base: (1n << 52n) - 1n }))],
    ['PASID while PASIDs are off', COMMAND_ERROR.EVENT_LOG_PASID, (board) => board.setConfig(PASIDCTL, PASIDCTL.reset) ?? board.write(EVLCFG0, EVLCFG0.of({ pasidEnable: 1 }))],
    ['privileged while that is off', COMMAND_ERROR.EVENT_LOG_PASID, (board) => board.setConfig(PASIDCTL, PASIDCTL.of({ enable: 1 })) ?? board.write(EVLCFG0, EVLCFG0.of({ pasidEnable: 1, priv: 1 }))],
    ['PASID while they are on', 0, (board) => board.write(EVLCFG0, EVLCFG0.of({ pasidEnable: 1, priv: 1 }))],
    ['not enabled, whatever its settings', 0, (board) => board.write(GENCFG, GENCFG.of({ globalReadBufferLimit: 96 })) ?? board.write(EVLCFG1, EVLCFG1.of({ size: 1 }))],
  ])('%s: status 0x%s', (_name, expected, change) => {
    const board = configured();
    change(board);
    expect(board.command(COMMAND.ENABLE_DEVICE)).toBe(expected);
  });

  test('its settings are fixed then, and its status begins at 0', () => {
    const board = logging();
    fail(board, 2);
    board.command(COMMAND.DISABLE_DEVICE);
    expect(status(board)).toMatchObject({ tail: 2, interruptPending: 1 });
    board.command(COMMAND.ENABLE_DEVICE);
    expect(board.read(EVLSTATUS)).toBe(0n);
    board.write(EVLCFG1, EVLCFG1.of({ size: 99 }));
    board.write(EVLCFG0, EVLCFG0.of({ base: 1n }));
    expect([EVLCFG1.size.get(board.read(EVLCFG1)), EVLCFG0.base.get(board.read(EVLCFG0))]).toEqual([SIZE, LOG >> 12n]);
  });

  test('a queue can do without page requests while the log is enabled, and without block on fault', () => {
    const enable = (board: Board, blockOnFault: boolean) => {
      board.configureWq(0);
      board.write(Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, priority: 1, prsDisable: 1, blockOnFaultEnable: blockOnFault ? 1 : 0 }), board.wq(0));
      board.configureGroup(0, [0], [0]);
      if (blockOnFault) {
        board.run(board.device.config.write(0x24c, 4, 1));
        board.setConfig(PRICTL, PRICTL.of({ enable: 1 }));
      }
      expect(board.command(COMMAND.ENABLE_DEVICE)).toBe(0);
      return board.command(COMMAND.ENABLE_WQ, 0);
    };
    expect(enable(configured(), false)).toBe(0);
    expect(enable(configured(), true)).toBe(COMMAND_ERROR.WQ_PRS_DISABLE);
    expect(enable(new Board(DSA_EVENT_LOG).powerOn(), false)).toBe(COMMAND_ERROR.WQ_PRS_DISABLE);
    expect(enable(configured({ profile: stalling }), false)).toBe(COMMAND_ERROR.WQ_PRS_DISABLE);
  });
});

describe('where an error goes', () => {
  test('to the log while it is in use, and then not to SWERROR', () => {
    const board = logging({}, { pasid: 7, priv: true });
    fail(board);
    expect(entry(board, 0)).toMatchObject({ error: COMPLETION_STATUS.UNSUPPORTED_OPERATION, wqIndexValid: 1, wqIndex: 0, descriptorValid: 1, operation: 0xff, pasid: 7, priv: 1, batchMember: 0, errorInfoValid: 0, errorInfo: 0, address: 0n });
    expect([status(board), swerror(board).valid]).toEqual([{ head: 0, tail: 1, interruptPending: 1 }, 0]);
    expect([board.read(INTCAUSE), board.take()]).toEqual([INTCAUSE.of({ eventLog: 1 }), [msixData(0)]]);
  });

  test('to SWERROR while the log is not enabled, or the device is not', () => {
    const board = new Board(DSA_EVENT_LOG).powerOn().enable();
    fail(board);
    expect([board.read(EVLSTATUS), swerror(board).error]).toEqual([0n, COMPLETION_STATUS.UNSUPPORTED_OPERATION]);
    const disabled = configured();
    disabled.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    disabled.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    disabled.settle();
    expect([disabled.read(EVLSTATUS), swerror(disabled).error]).toEqual([0n, SOFTWARE_ERROR.COMMAND_OVERLAP]);
  });

  test('settings that changed are SWERROR’s whatever is in use', () => {
    const board = logging();
    board.setConfig(PRICTL, PRICTL.of({ enable: 1 }));
    expect([status(board).tail, swerror(board).error, board.take()]).toEqual([0, SOFTWARE_ERROR.CONFIG_CHANGED, [msixData(0)]]);
  });

  test('a full queue is SWERROR’s whatever is in use', () => {
    const board = logging({}, { size: 1 });
    board.submit(wrong);
    board.submit(wrong);
    expect(swerror(board).error).toBe(SOFTWARE_ERROR.QUEUE_FULL);
    board.settle();
    expect(status(board).tail).toBe(1);
  });

  const move = { opcode: OPCODE.MEMMOVE, size: 64, source: UNMAPPED, destination: 0x2000n };
  test.each<[string, Partial<Descriptor>, Partial<Portal>, number | undefined, number]>([
    ['success', { opcode: OPCODE.NOOP, flags: CRAV | F.REQUEST_COMPLETION_RECORD }, {}, undefined, COMPLETION_STATUS.SUCCESS],
    ['an error that the record tells', { ...move, flags: CRAV }, {}, undefined, COMPLETION_STATUS.PAGE_FAULT],
    ['the same without address for a record', move, {}, COMPLETION_STATUS.PAGE_FAULT, 0],
    ['wrong flags without address for a record', { ...move, flags: F.FENCE }, {}, COMPLETION_STATUS.INVALID_FLAGS, 0],
    ['a refused handle: both', { opcode: OPCODE.NOOP, flags: CRAV | RCI, interruptHandle: 4000 }, { ims: true }, COMPLETION_STATUS.INTERRUPT_HANDLE, COMPLETION_STATUS.INTERRUPT_HANDLE],
    ['an address for a record that is not aligned', { opcode: OPCODE.NOOP, flags: CRAV, completionRecord: RECORD + 8n }, {}, COMPLETION_STATUS.RECORD_ALIGNMENT, 0],
    ['a record that cannot be written', { opcode: OPCODE.NOOP, flags: CRAV | F.REQUEST_COMPLETION_RECORD, completionRecord: UNMAPPED }, {}, COMPLETION_STATUS.RECORD_FAULT, 0],
  ])('%s: log 0x%3$s, record 0x%4$s', (_name, fields, portal, logged, recorded) => {
    const board = logging();
    board.submit({ ...((fields.flags ?? 0) & CRAV ? { completionRecord: RECORD } : {}), ...fields }, portal);
    board.settle();
    expect([board.record(RECORD).status, status(board).tail, swerror(board).valid]).toEqual([recorded, logged === undefined ? 0 : 1, 0]);
    if (logged !== undefined) expect(entry(board, 0).error).toBe(logged);
  });

  test('a command written over another goes to the log, before that one’s status', () => {
    const board = logging();
    board.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    board.write(CMD, command(COMMAND.DISABLE_DEVICE, 0, false));
    board.write(CMD, command(COMMAND.DISABLE_DEVICE, 0, false));
    board.settle();
    expect([0, 1].map((index) => entry(board, index))).toEqual([0, 1].map(() => expect.objectContaining({ error: SOFTWARE_ERROR.COMMAND_OVERLAP, descriptorValid: 0, wqIndexValid: 0 })));
    expect([status(board).tail, swerror(board).valid, board.device.deviceState]).toEqual([2, 0, DEVICE_STATE.ENABLED]);
  });

  test('a command written over the one that ends the log’s use goes to SWERROR', () => {
    const board = logging();
    board.write(CMD, command(COMMAND.DISABLE_DEVICE, 0, false));
    board.write(CMD, command(COMMAND.ENABLE_DEVICE, 0, false));
    board.settle();
    expect([status(board).tail, swerror(board).error]).toEqual([0, SOFTWARE_ERROR.COMMAND_OVERLAP]);
  });
});

describe('an entry', () => {
  const RECORDED = F.REQUEST_COMPLETION_RECORD | CRAV;

  test('of a page fault has the address and the kind of access', () => {
    const board = logging();
    board.submit({ opcode: OPCODE.MEMMOVE, size: 64, source: 0x1000n, destination: UNMAPPED + 0x40n });
    board.settle();
    expect(entry(board, 0)).toMatchObject({ error: COMPLETION_STATUS.PAGE_FAULT, address: UNMAPPED + 0x40n, faultWrite: 1, errorInfoValid: 0, record: new Uint8Array(32) });
  });

  test('of wrong flags has them', () => {
    const board = logging();
    board.submit({ opcode: OPCODE.NOOP, flags: F.FENCE | F.CHECK_RESULT });
    board.settle();
    expect(entry(board, 0)).toMatchObject({ error: COMPLETION_STATUS.INVALID_FLAGS, errorInfoValid: 1, errorInfo: F.FENCE | F.CHECK_RESULT });
  });

  test.each([true, false])('of a refused handle has it with how it was to be used, and the image of the record that was written (IMS: %s)', (ims) => {
    const board = logging();
    board.perform({ opcode: OPCODE.NOOP, flags: RCI, interruptHandle: 0xfedc }, { ims });
    const { errorInfo, record, errorInfoValid, address } = entry(board, 0);
    expect([errorInfoValid, address, info(errorInfo)]).toEqual([1, 0n, { handle: 0xfedc, interruptRequested: 1, ims: ims ? 1 : 0, recordRequired: 1, firstErrorInBatch: 0 }]);
    expect(record).toEqual(board.bytes(RECORD, 32));
  });

  test('of a record that could not be written has its image, its address and the interrupt that software is to raise', () => {
    const board = logging();
    board.setUpIms(5, null);
    board.submit({ opcode: OPCODE.MEMMOVE, flags: RCI | RECORDED, interruptHandle: 5, completionRecord: UNMAPPED, source: UNMAPPED, destination: 0x2000n, size: 64 }, { ims: true });
    board.settle();
    const { errorInfo, record, ...rest } = entry(board, 0);
    expect(rest).toMatchObject({ error: COMPLETION_STATUS.RECORD_FAULT, address: UNMAPPED, faultWrite: 1, operation: OPCODE.MEMMOVE, batchMember: 0 });
    expect(info(errorInfo)).toEqual({ handle: 5, interruptRequested: 1, ims: 1, recordRequired: 1, firstErrorInBatch: 0 });
    expect(decodeCompletionRecord(record)).toMatchObject({ status: COMPLETION_STATUS.PAGE_FAULT, faultAddress: UNMAPPED });
    expect(board.take()).toEqual([msixData(0)]);
  });

  test('of an interrupt refused at generation owes no record', () => {
    const board = new Board(DSA_EVENT_LOG, 'agents', { permissionCheck: 'generation' }).powerOn({ pasids: true });
    board.write(EVLCFG0, EVLCFG0.of({ base: LOG >> 12n }));
    board.write(EVLCFG1, EVLCFG1.of({ size: SIZE }));
    board.write(GENCFG, GENCFG.of({ globalReadBufferLimit: 96, eventLogEnable: 1 }));
    board.enable();
    board.setUpIms(5, 9);
    expect(board.perform({ opcode: OPCODE.NOOP, flags: RCI, interruptHandle: 5 }, { ims: true }).status).toBe(COMPLETION_STATUS.SUCCESS);
    const { error, errorInfo, record } = entry(board, 0);
    expect([error, info(errorInfo).recordRequired, record, board.take()]).toEqual([COMPLETION_STATUS.INTERRUPT_HANDLE, 0, new Uint8Array(32), []]);
  });

  const LIST = 0x4000n;
  const batch = { opcode: OPCODE.BATCH, source: LIST, size: 3, flags: RCI | RECORDED, completionRecord: RECORD, interruptHandle: 5 };
  const members = [RECORD + 32n, UNMAPPED, UNMAPPED + 32n].map((completionRecord) => ({ opcode: OPCODE.NOOP, flags: RECORDED, completionRecord }));

  test('of a batch member says which, and the batch whose member’s record is in the log ends there too', () => {
    const board = logging();
    board.setUpIms(5, null);
    board.writeDescriptors(LIST, members);
    board.submit(batch, { ims: true });
    board.settle();
    expect([board.record(RECORD + 32n).status, board.record(RECORD).status, status(board).tail]).toEqual([COMPLETION_STATUS.SUCCESS, 0, 3]);
    const [first, second, whole] = [0, 1, 2].map((index) => entry(board, index)) as [ReturnType<typeof entry>, ReturnType<typeof entry>, ReturnType<typeof entry>];
    expect(first).toMatchObject({ error: COMPLETION_STATUS.RECORD_FAULT, batchMember: 1, batchIndex: 1, address: UNMAPPED });
    expect(second).toMatchObject({ error: COMPLETION_STATUS.RECORD_FAULT, batchMember: 1, batchIndex: 2, address: UNMAPPED + 32n });
    expect(whole).toMatchObject({ error: EVENT_LOG_STATUS.BATCH, batchMember: 0, batchId: first.batchId, operation: OPCODE.BATCH, address: RECORD });
    expect([first, second, whole].map(({ errorInfo }) => info(errorInfo).firstErrorInBatch)).toEqual([1, 0, 0]);
    expect(info(whole.errorInfo)).toMatchObject({ handle: 5, interruptRequested: 1, ims: 1, recordRequired: 1 });
    expect(decodeCompletionRecord(whole.record)).toMatchObject({ status: COMPLETION_STATUS.SUCCESS, completed: 3 });
    expect(board.take()).toEqual([msixData(0)]);
  });

  test('without the log such a batch ends as any other', () => {
    const board = new Board(DSA_EVENT_LOG).powerOn().enable();
    board.unmapped.add(UNMAPPED >> 12n);
    board.setUpIms(5, null);
    board.writeDescriptors(LIST, members);
    board.submit(batch, { ims: true });
    board.settle();
    expect([board.record(RECORD).status, board.take()]).toEqual([COMPLETION_STATUS.SUCCESS, [imsData(5)]]);
  });

  test.each([null, 0x55])('is written in the name that EVLCFG says (PASID %s), not in the submitter’s', (pasid) => {
    const board = logging({ pasid }, { pasid: 7, priv: true });
    fail(board);
    expect(board.accesses).toEqual([{ pasid, write: true, address: LOG, length: 64 }]);
    expect(board.privileged).toEqual([pasid !== null]);
  });

  test.each([[1, 64], [2, 128], [3, 256]])('takes as many bytes as GENCAP says (%i: %i)', (support, bytes) => {
    const board = logging({ profile: { ...stalling, GENCAP: GENCAP.eventLog.set(stalling.GENCAP, support) } });
    fail(board, 2);
    expect(board.accesses.map(({ address, length }) => [address, length])).toEqual([[LOG, bytes], [LOG + BigInt(bytes), bytes]]);
  });
});
