import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  CMD, CMDSTATUS, COMMAND, COMMAND_ERROR, command, DESCRIPTOR_FLAG, DEVICE_STATE, DSA_SMALL, DSA_SPR, GENCFG, GENCTRL, GENSTS, Grpcfg, handleOperand, ImsEntry,
  INTCAUSE, Msixperm, OPCODE, PASIDCTL, PRICTL, PRSREQALLOC, SOFTWARE_ERROR, SWERROR0, WQ_STATE, Wqcfg,
} from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import { Board, msixData, RECORD } from './board.ts';

const E = COMMAND_ERROR;
const ready = (profile = DSA_SPR) => new Board(profile).powerOn({ pasids: true });
const wqState = (board: Board, wq = 0) => Wqcfg.Status.state.get(board.read(Wqcfg.Status, board.wq(wq)));

describe('any command', () => {
  test('is active until done, and then tells by status, cause and vector 0, in this order', () => {
    const board = ready();
    let statusAtInterrupt = -1;
    const push = board.messages.push.bind(board.messages);
    board.messages.push = (...each) => {
      statusAtInterrupt = board.read(CMDSTATUS);
      return push(...each);
    };
    board.write(CMD, command(COMMAND.DRAIN_ALL));
    expect(board.read(CMDSTATUS)).toBe(0x80000000);
    board.settle();
    expect(statusAtInterrupt).toBe(0);
    expect(board.read(INTCAUSE)).toBe(INTCAUSE.of({ commandCompletion: 1 }));
    expect(board.take()).toEqual([msixData(0)]);
  });

  test('polled, it leaves INTCAUSE alone and sends nothing', () => {
    const board = ready();
    expect(board.command(COMMAND.RESET_DEVICE)).toBe(0);
    expect(board.command(COMMAND.ENABLE_WQ, 1)).toBe(E.DEVICE_NOT_ENABLED);
    expect(board.read(INTCAUSE)).toBe(0);
    expect(board.take()).toEqual([]);
  });

  test('that fails interrupts too', () => {
    const board = ready();
    expect(board.command(COMMAND.DISABLE_DEVICE, 0, true)).toBe(E.DISABLE_DEVICE_NOT_ENABLED);
    expect(board.take()).toEqual([msixData(0)]);
  });

  test('written while another is active is lost, with error 0x52', () => {
    const board = ready();
    board.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    board.write(CMD, command(COMMAND.ENABLE_DEVICE, 0, false));
    board.settle();
    expect(board.device.deviceState).toBe(DEVICE_STATE.DISABLED);
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, error: SOFTWARE_ERROR.COMMAND_OVERLAP, wqIndexValid: 0, descriptorValid: 0 });
  });

  test('that does not exist, or has a reserved bit set, is refused', () => {
    const board = ready();
    for (const code of [0, 15, 16, 17, 31]) expect(board.command(code as CommandCode)).toBe(E.UNSUPPORTED_COMMAND);
    expect(board.command(COMMAND.DRAIN_ALL, 1)).toBe(E.RESERVED_FIELD);
    board.write(CMD, CMD.of({ code: COMMAND.DRAIN_ALL, reserved: 1 }));
    board.settle();
    expect(board.read(CMDSTATUS)).toBe(E.RESERVED_FIELD);
  });

  test('handles can be requested where CMDCAP says so only', () => {
    expect(ready(DSA_SPR).command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1)).toBe(E.UNSUPPORTED_COMMAND);
    const board = ready(DSA_SMALL);
    expect(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 2, ims: false }))).toBe(CMDSTATUS.of({ result: 2 }));
    expect(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 255, ims: true }))).toBe(CMDSTATUS.of({ result: 255 }));
    expect(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 3, ims: false }))).toBe(E.INTERRUPT_INDEX);
    expect(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 256, ims: true }))).toBe(E.INTERRUPT_INDEX);
    expect(board.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index: 256, ims: true }))).toBe(E.INTERRUPT_INDEX);
    expect(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1 << 17)).toBe(E.RESERVED_FIELD);
  });
});

describe('Enable Device', () => {
  const enable = (board: Board) => board.command(COMMAND.ENABLE_DEVICE);
  const configured = (profile = DSA_SPR) => {
    const board = ready(profile);
    board.configureWq(0);
    board.configureGroup(0, [0], [0]);
    return board;
  };
  const flags = (board: Board, values: Parameters<typeof Grpcfg.Flags.of>[0], group = 0) => board.write(Grpcfg.Flags, Grpcfg.Flags.of(values), board.group(group));

  test('a good configuration enables, once', () => {
    const board = configured();
    expect(enable(board)).toBe(0);
    expect(board.read(GENSTS)).toBe(1);
    expect(enable(board)).toBe(E.DEVICE_NOT_DISABLED);
  });

  test('a device without any queue can be enabled', () => {
    expect(enable(ready())).toBe(0);
  });

  test.each<[string, number, (board: Board) => void]>([
    ['bus master off', E.BUS_MASTER_OFF, (board) => board.run(board.device.config.write(4, 2, 2))],
    ['queues larger together than the storage', E.WQ_SIZES, (board) => board.write(Wqcfg.Size, Wqcfg.Size.image(129), board.wq(0))],
    ['a group with queues and no engine', E.GROUP_CONFIG, (board) => board.configureGroup(0, [0], [])],
    ['a group with engines and no queue', E.GROUP_CONFIG, (board) => board.configureGroup(1, [], [1])],
    ['a queue in two groups', E.GROUP_WQS, (board) => board.configureGroup(1, [0], [1])],
    ['an active queue in no group', E.GROUP_WQS, (board) => board.configureWq(1)],
    ['an inactive queue in a group', E.GROUP_WQS, (board) => board.configureGroup(0, [0, 1], [0])],
    ['a queue there is not', E.GROUP_WQS, (board) => board.configureGroup(0, [0, 8], [0])],
    ['an engine there is not', E.GROUP_ENGINES, (board) => board.configureGroup(0, [0], [0, 4])],
    ['too few read buffers for the engines', E.READ_BUFFERS, (board) => flags(board, { readBuffersAllowed: 3 })],
    ['more read buffers reserved than there are', E.READ_BUFFERS, (board) => flags(board, { readBuffersAllowed: 96, readBuffersReserved: 97 })],
    ['fewer read buffers allowed than reserved', E.READ_BUFFERS, (board) => flags(board, { readBuffersAllowed: 4, readBuffersReserved: 5 })],
    ['a global limit above the total', E.READ_BUFFERS, (board) => board.write(GENCFG, GENCFG.of({ globalReadBufferLimit: 97 }))],
    ['a global limit too small for those under it', E.READ_BUFFERS, (board) => {
      board.write(GENCFG, GENCFG.of({ globalReadBufferLimit: 3 }));
      flags(board, { readBuffersAllowed: 96, useGlobalReadBufferLimit: 1 });
    }],
    ['a bandwidth limit', E.READ_BUFFERS, (board) => flags(board, { readBuffersAllowed: 96, readBandwidth: 1 })],
    ['page requests without an allocation', E.PRS_ALLOCATION, (board) => board.setConfig(PRICTL, PRICTL.of({ enable: 1 }))],
    ['the event log there is not', E.EVENT_LOG_CONFIG, (board) => board.write(GENCFG, GENCFG.of({ globalReadBufferLimit: 96, eventLogEnable: 1 }))],
  ])('%s: error 0x%s', (_name, error, spoil) => {
    const board = configured();
    spoil(board);
    expect(enable(board)).toBe(error);
    expect(board.device.deviceState).toBe(DEVICE_STATE.DISABLED);
  });

  test('an engine in two groups is refused', () => {
    const board = configured();
    board.configureWq(1);
    board.configureGroup(1, [1], [0]);
    expect(enable(board)).toBe(E.GROUP_ENGINES);
  });

  test('where read buffers have no controls their fields are not looked at, but the global limit must not be used', () => {
    const board = configured(DSA_SMALL);
    flags(board, { readBuffersAllowed: 0 });
    expect(enable(board)).toBe(0);
    const other = configured(DSA_SMALL);
    flags(other, { useGlobalReadBufferLimit: 1 });
    expect(enable(other)).toBe(E.READ_BUFFERS);
  });

  test('a granted number of page requests is accepted', () => {
    const board = configured();
    board.setConfig(PRSREQALLOC, PRSREQALLOC.image(0x200));
    board.setConfig(PRICTL, PRICTL.of({ enable: 1 }));
    expect(enable(board)).toBe(0);
  });

  test('of any grouping, exactly those that divide queues and engines are enabled', () => {
    const grouping = fc.record({ sizes: fc.array(fc.nat(2), { minLength: 8, maxLength: 8 }), groups: fc.array(fc.tuple(fc.nat(255), fc.nat(15)), { minLength: 4, maxLength: 4 }) });
    fc.assert(fc.property(grouping, ({ sizes, groups }) => {
      const board = ready();
      const list = (bits: number) => Array.from({ length: 8 }, (_each, index) => index).filter((index) => ((bits >>> index) & 1) === 1);
      for (const [wq, size] of sizes.entries()) board.write(Wqcfg.Size, Wqcfg.Size.image(size), board.wq(wq));
      for (const [group, [wqs, engines]] of groups.entries()) board.configureGroup(group, list(wqs), list(engines));
      const times = (index: number, pick: 0 | 1) => groups.filter((each) => ((each[pick] >>> index) & 1) === 1).length;
      const good = groups.every(([wqs, engines]) => (wqs === 0) === (engines === 0)) &&
        sizes.every((size, wq) => times(wq, 0) === (size === 0 ? 0 : 1)) && [0, 1, 2, 3].every((engine) => times(engine, 1) <= 1);
      expect(enable(board) === 0).toBe(good);
    }), { numRuns: 60, examples: [[{ sizes: [1, 1, 0, 0, 0, 0, 0, 0], groups: [[1, 1], [2, 6], [0, 0], [0, 0]] }]] });
  });
});

describe('Enable WQ', () => {
  const enabled = (profile = DSA_SPR, before: (board: Board) => void = () => undefined) => {
    const board = ready(profile);
    board.configureWq(0);
    board.configureGroup(0, [0], [0]);
    before(board);
    expect(board.command(COMMAND.ENABLE_DEVICE)).toBe(0);
    return board;
  };
  const mode = (values: Parameters<typeof Wqcfg.Mode.of>[0]) => (board: Board) => board.write(Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, priority: 1, ...values }), board.wq(0));

  test('a good queue enables, once, and shows it', () => {
    const board = enabled();
    expect(board.command(COMMAND.ENABLE_WQ, 0)).toBe(0);
    expect(board.read(Wqcfg.Status, board.wq(0))).toBe(0x40000000);
    expect(board.command(COMMAND.ENABLE_WQ, 0)).toBe(E.WQ_NOT_DISABLED);
  });

  test('a device that is not enabled has none', () => {
    expect(ready().command(COMMAND.ENABLE_WQ, 0)).toBe(E.DEVICE_NOT_ENABLED);
  });

  test('an index there is not, and reserved operand bits', () => {
    const board = enabled();
    expect(board.command(COMMAND.ENABLE_WQ, 8)).toBe(E.INVALID_WQ_INDEX);
    expect(board.command(COMMAND.ENABLE_WQ, 0x100)).toBe(E.RESERVED_FIELD);
    expect(board.command(COMMAND.ENABLE_WQ, 1)).toBe(E.WQ_SIZE_ZERO);
  });

  test.each<[string, number, (board: Board) => void]>([
    ['no priority where there are priorities', E.WQ_PRIORITY_ZERO, mode({ priority: 0 })],
    ['block on fault without page requests', E.WQ_BLOCK_ON_FAULT, mode({ blockOnFaultEnable: 1 })],
    ['a shared queue without PASID', E.WQ_PASID_ENABLE, mode({ dedicated: 0 })],
    ['a PASID while PASIDs are off', E.WQ_PASID_ENABLE, (board) => {
      board.setConfig(PASIDCTL, PASIDCTL.reset);
      mode({ pasidEnable: 1, pasid: 5 })(board);
    }],
    ['privilege while that is off', E.WQ_PRIV, (board) => {
      board.setConfig(PASIDCTL, PASIDCTL.of({ enable: 1 }));
      mode({ pasidEnable: 1, pasid: 5, priv: 1 })(board);
    }],
    ['page requests off, which needs the event log', E.WQ_PRS_DISABLE, mode({ prsDisable: 1 })],
    ['too large a batch', E.WQ_MAX_BATCH, (board) => board.write(Wqcfg.Limits, Wqcfg.Limits.of({ maxBatchShift: 11 }), board.wq(0))],
    ['an occupancy interrupt through an entry there is not', E.WQ_OCCUPANCY_INTERRUPT, (board) => board.write(Wqcfg.OccupancyInterrupt, Wqcfg.OccupancyInterrupt.of({ handle: 9 }), board.wq(0))],
  ])('%s: error 0x%s', (_name, error, spoil) => {
    const board = enabled(DSA_SPR, spoil);
    expect(board.command(COMMAND.ENABLE_WQ, 0)).toBe(error);
    expect(wqState(board)).toBe(WQ_STATE.DISABLED);
  });

  test('a device of fewer abilities refuses more', () => {
    const small = enabled(DSA_SMALL);
    small.write(Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 22 }), small.wq(0));
    expect(small.command(COMMAND.ENABLE_WQ, 0)).toBe(E.WQ_MAX_TRANSFER);
    mode({ atsDisable: 1 })(small);
    expect(small.command(COMMAND.ENABLE_WQ, 0)).toBe(E.WQ_ATS_DISABLE);
    const dedicatedOnly = enabled({ ...DSA_SMALL, WQCAP: (DSA_SMALL.WQCAP & ~(1n << 48n)) as typeof DSA_SMALL.WQCAP });
    mode({ dedicated: 0, pasidEnable: 1 })(dedicatedOnly);
    expect(dedicatedOnly.command(COMMAND.ENABLE_WQ, 0)).toBe(E.WQ_MODE);
  });

  test('operation configuration may name supported operations only', () => {
    const wide = { ...DSA_SMALL, WQCAP: (DSA_SMALL.WQCAP | (1n << 54n) | (1n << 24n)) as typeof DSA_SMALL.WQCAP };
    const board = enabled(wide);
    expect(board.run(board.device.bar0.read(board.wq(0) + 0x20, 4))).toBe(0x0d);
    board.run(board.device.bar0.write(board.wq(0) + 0x20, 4, 0x0f));
    expect(board.command(COMMAND.ENABLE_WQ, 0)).toBe(E.WQ_OPERATIONS);
    board.run(board.device.bar0.write(board.wq(0) + 0x20, 4, 0x05));
    expect(board.command(COMMAND.ENABLE_WQ, 0)).toBe(0);
    expect(board.perform({ opcode: OPCODE.MEMMOVE, size: 4, destination: 0x1000n }).status).toBe(0x10);
    expect(board.perform({ opcode: OPCODE.NOOP }).status).toBe(1);
  });
});

describe('disabling, draining, aborting, resetting', () => {
  const running = () => {
    const board = ready();
    for (const wq of [0, 1, 2]) board.configureWq(wq, { priority: 1 });
    board.configureGroup(0, [0, 1, 2], [0, 1]);
    board.command(COMMAND.ENABLE_DEVICE);
    for (const wq of [0, 1]) board.command(COMMAND.ENABLE_WQ, wq);
    return board;
  };
  const record = (index: number) => RECORD + BigInt(32 * index);
  const submit = (board: Board, index: number, wq = 0) =>
    board.submit({ opcode: OPCODE.NOOP, flags: DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD, completionRecord: record(index) }, { wq });

  test('WQ commands name enabled queues, all of them or nothing happens', () => {
    const board = running();
    for (const code of [COMMAND.DISABLE_WQ, COMMAND.DRAIN_WQ, COMMAND.ABORT_WQ]) {
      expect(board.wqCommand(code, 0, 2)).toBe(E.WQ_NOT_ENABLED);
      expect(board.wqCommand(code, 0, 9)).toBe(E.INVALID_WQ_INDEX);
    }
    expect(wqState(board, 0)).toBe(WQ_STATE.ENABLED);
    expect(board.wqCommand(COMMAND.RESET_WQ, 9)).toBe(E.INVALID_WQ_INDEX);
  });

  test('Disable WQ waits for what is queued, and then takes no more', () => {
    const board = running();
    for (let index = 0; index < 5; index++) submit(board, index);
    expect(board.device.occupancy(0)).toBe(5);
    expect(board.wqCommand(COMMAND.DISABLE_WQ, 0)).toBe(0);
    for (let index = 0; index < 5; index++) expect(board.record(record(index)).status).toBe(1);
    submit(board, 9);
    expect(board.device.occupancy(0)).toBe(0);
    expect([wqState(board, 0), wqState(board, 1)]).toEqual([WQ_STATE.DISABLED, WQ_STATE.ENABLED]);
    expect(Wqcfg.Mode.dedicated.get(board.read(Wqcfg.Mode, board.wq(0)))).toBe(1);
  });

  test('Disable Device waits for every queue; configuration stays', () => {
    const board = running();
    submit(board, 0, 0);
    submit(board, 1, 1);
    expect(board.command(COMMAND.DISABLE_DEVICE)).toBe(0);
    expect([board.record(record(0)).status, board.record(record(1)).status]).toEqual([1, 1]);
    expect([board.read(GENSTS), wqState(board, 0), wqState(board, 1)]).toEqual([0, 0, 0]);
    expect(board.read(Wqcfg.Size, board.wq(0))).toBe(16);
    expect(board.command(COMMAND.DISABLE_DEVICE)).toBe(E.DISABLE_DEVICE_NOT_ENABLED);
  });

  test('Reset WQ gives up what is queued, keeps the size and clears the rest, also of a queue that is disabled', () => {
    const board = running();
    board.write(CMD, command(COMMAND.RESET_WQ, 1, false));
    submit(board, 0);
    board.settle();
    expect(board.record(record(0)).status).toBe(0);
    expect([board.read(Wqcfg.Size, board.wq(0)), board.read(Wqcfg.Mode, board.wq(0)), board.read(Wqcfg.Limits, board.wq(0)), wqState(board)]).toEqual([16, 0, 0, 0]);
    expect(board.wqCommand(COMMAND.RESET_WQ, 2)).toBe(0);
    expect(board.read(Wqcfg.Mode, board.wq(2))).toBe(0);
    expect(board.read(Wqcfg.Size, board.wq(2))).toBe(16);
  });

  test('Abort and drain of all, of a queue, of a PASID leave the queues enabled', () => {
    const board = running();
    for (const code of [COMMAND.DRAIN_ALL, COMMAND.ABORT_ALL]) expect(board.command(code)).toBe(0);
    for (const code of [COMMAND.DRAIN_WQ, COMMAND.ABORT_WQ]) expect(board.wqCommand(code, 0, 1)).toBe(0);
    for (const code of [COMMAND.DRAIN_PASID, COMMAND.ABORT_PASID]) expect(board.command(code, 5)).toBe(0);
    expect([wqState(board, 0), wqState(board, 1)]).toEqual([WQ_STATE.ENABLED, WQ_STATE.ENABLED]);
    expect(board.perform({ opcode: OPCODE.NOOP }).status).toBe(1);
  });

  test('Abort PASID gives up the descriptors of that PASID only', () => {
    const board = ready();
    board.configureWq(0, { dedicated: false, pasid: 0, threshold: 16 });
    board.configureGroup(0, [0], [0]);
    board.command(COMMAND.ENABLE_DEVICE);
    board.command(COMMAND.ENABLE_WQ, 0);
    const flags = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD;
    board.write(CMD, command(COMMAND.ABORT_PASID, 6, false));
    for (const [index, pasid] of [5, 6, 5, 6].entries()) board.enqueue({ opcode: OPCODE.NOOP, flags, pasid, completionRecord: record(index) });
    // The command unit moves first: nothing is taken yet.
    board.settle();
    expect([0, 1, 2, 3].map((index) => board.record(record(index)).status)).toEqual([1, 0, 1, 0]);
  });
});

describe('Reset Device', () => {
  test('puts configuration, permissions and message store back, keeps MSI-X, SWERROR and config space', () => {
    const board = ready().enable();
    board.setUpIms(7, 3);
    board.write(Msixperm, Msixperm.of({ pasid: 1, pasidEnable: 1 }), board.msixperm(1));
    board.write(GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1 }));
    board.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    board.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    board.settle();
    expect(board.read(INTCAUSE)).toBe(INTCAUSE.of({ softwareError: 1 }));
    board.take();

    expect(board.command(COMMAND.RESET_DEVICE, 0, true)).toBe(0);
    expect(board.read(INTCAUSE)).toBe(INTCAUSE.of({ commandCompletion: 1 }));
    expect(board.take()).toEqual([msixData(0)]);
    expect([board.read(GENSTS), wqState(board), board.read(GENCTRL), board.read(GENCFG)]).toEqual([0, 0, 0, 0x60]);
    expect([board.read(Wqcfg.Size, board.wq(0)), board.read(Grpcfg.Engines, board.group(0)), board.read(Grpcfg.Flags, board.group(0))]).toEqual([0, 0n, 0x06000000n]);
    expect(board.read(ImsEntry.Control, board.ims(7))).toBe(1);
    expect(board.read(Msixperm, board.msixperm(1))).toBe(0);
    expect(SWERROR0.valid.get(board.read(SWERROR0))).toBe(1);
    expect(board.device.msixEntry(0).mask).toBe(false);
  });

  test('the polled reset of a probe raises nothing', () => {
    const board = new Board().powerOn({ msix: false });
    expect(board.command(COMMAND.RESET_DEVICE)).toBe(0);
    expect(board.read(INTCAUSE)).toBe(0);
  });
});
