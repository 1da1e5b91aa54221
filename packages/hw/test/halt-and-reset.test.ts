import { describe, expect, test } from 'vitest';
import {
  ATSCTL, BAR0, CMD, CMDSTATUS, COMMAND, COMMAND_ERROR, command, DESCRIPTOR_FLAG, DEVCTL, DEVICE_STATE, DEVSTS, DSA_SMALL, GENCTRL, GENSTS, handleOperand, INTCAUSE, MSGCTL, OPCODE,
  PASIDCTL, PCICMD, PRICTL, SOFTWARE_ERROR, SWERROR0, VENDOR, WQ_STATE,
} from '@siov/datasheet';
import { Board, msixData, RECORD } from './board.ts';

const on = PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 });
const flip: Record<string, (board: Board) => void> = {
  'bus master': (board) => board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 })),
  ATS: (board) => board.setConfig(ATSCTL, ATSCTL.of({ enable: 1 })),
  PASID: (board) => board.setConfig(PASIDCTL, PASIDCTL.of({ enable: 1 })),
  PRI: (board) => board.setConfig(PRICTL, PRICTL.of({ enable: 1 })),
};

describe('Halt', () => {
  test.each(Object.keys(flip))('%s changed while the device is enabled', (what) => {
    const board = new Board().powerOn().enable();
    board.write(GENCTRL, GENCTRL.of({ haltInterruptEnable: 1 }));
    flip[what]?.(board);
    expect(board.read(GENSTS)).toBe(GENSTS.of({ state: DEVICE_STATE.HALT, resetType: 0 }));
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, error: SOFTWARE_ERROR.CONFIG_CHANGED });
    expect(board.read(INTCAUSE)).toBe(INTCAUSE.of({ haltState: 1 }));
    // Without bus master there is no way to send the message.
    expect(board.take()).toEqual(what === 'bus master' ? [] : [msixData(0)]);
  });

  test.each(Object.keys(flip))('%s changed while the device is disabled is nothing', (what) => {
    const board = new Board().powerOn();
    flip[what]?.(board);
    expect(board.device.deviceState).toBe(DEVICE_STATE.DISABLED);
    expect(board.read(SWERROR0)).toBe(0n);
  });

  test('other config writes do not halt', () => {
    const board = new Board().powerOn().enable();
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1, serrEnable: 1 }));
    board.setConfig(MSGCTL, MSGCTL.of({ enable: 1, functionMask: 1 }));
    expect(board.device.deviceState).toBe(DEVICE_STATE.ENABLED);
  });

  test('only Reset Device gets out of it', () => {
    const board = new Board().powerOn().enable();
    board.submit({ opcode: OPCODE.NOOP, flags: 0xc, completionRecord: RECORD });
    flip.PASID?.(board);
    board.settle();
    expect(board.record(RECORD).status).toBe(0);
    for (const code of [COMMAND.ENABLE_DEVICE, COMMAND.DISABLE_DEVICE, COMMAND.DRAIN_ALL, COMMAND.RESET_WQ]) {
      expect(board.command(code)).toBe(COMMAND_ERROR.DEVICE_HALTED);
    }
    expect(board.command(COMMAND.RESET_DEVICE)).toBe(0);
    expect(board.device.deviceState).toBe(DEVICE_STATE.DISABLED);
    expect(board.device.idle).toBe(true);
    board.enable();
    expect(board.perform({ opcode: OPCODE.NOOP }).status).toBe(1);
  });
});

describe('a command that waits for a descriptor', () => {
  /** The command unit runs, the engines do not: what is queued stays. */
  const waiting = (code: Parameters<typeof command>[0], operand = 0) => {
    const board = new Board(DSA_SMALL, 'none').powerOn();
    const [commands] = board.device.engines();
    if (commands !== undefined) board.executor.spawn({ name: 'commands', layer: 'hw' }, commands.steps);
    board.enable();
    board.submit({ opcode: OPCODE.NOOP });
    board.write(CMD, command(code, operand, false));
    board.settle();
    return board;
  };
  const status = (board: Board) => CMDSTATUS.decode(board.read(CMDSTATUS));

  test.each([[COMMAND.DISABLE_WQ, 1], [COMMAND.DISABLE_DEVICE, 0]] as const)('closes what it disables meanwhile (command %i)', (code, operand) => {
    const board = waiting(code, operand);
    expect(status(board).active).toBe(1);
    board.submit({ opcode: OPCODE.NOOP });
    expect(board.device.occupancy(0)).toBe(1);
    expect(board.device.wqState(0)).toBe(WQ_STATE.DRAINING);
    expect(board.device.deviceState).toBe(code === COMMAND.DISABLE_DEVICE ? DEVICE_STATE.DRAINING : DEVICE_STATE.ENABLED);
  });

  test.each([[COMMAND.DRAIN_ALL, 0], [COMMAND.DRAIN_WQ, 1], [COMMAND.DISABLE_DEVICE, 0]] as const)('ends with "halted" when the device halts (command %i)', (code, operand) => {
    const board = waiting(code, operand);
    flip.PASID?.(board);
    board.settle();
    expect(status(board)).toEqual({ error: COMMAND_ERROR.DEVICE_HALTED, result: 0, active: 0 });
    expect(board.device.deviceState).toBe(DEVICE_STATE.HALT);
  });

  test('Reset Device goes on when the device halts', () => {
    const board = new Board(DSA_SMALL, 'none').powerOn();
    const [commands, engine] = board.device.engines();
    if (commands !== undefined) board.executor.spawn({ name: 'commands', layer: 'hw' }, commands.steps);
    board.enable();
    board.submit({ opcode: OPCODE.NOOP });
    engine?.steps.next();
    engine?.steps.next();
    board.write(CMD, command(COMMAND.RESET_DEVICE, 0, false));
    board.settle();
    expect(status(board).active).toBe(1);
    flip.PASID?.(board);
    board.settle();
    expect([status(board).active, board.device.inFlight]).toEqual([1, 1]);
    engine?.steps.next();
    board.settle();
    expect(board.read(CMDSTATUS)).toBe(0);
    expect(board.device.deviceState).toBe(DEVICE_STATE.DISABLED);
  });
});

describe('function level reset', () => {
  test('puts everything back, config space too', () => {
    const board = new Board(DSA_SMALL).powerOn({ pasids: true }).enable();
    board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 1, ims: true }));
    board.setUpIms(1, null);
    board.run(board.device.config.write64(BAR0.offset, 0xfee00000n));
    board.submit({ opcode: OPCODE.NOOP });
    board.setConfig(DEVCTL, DEVCTL.initiateFunctionLevelReset.set(DEVCTL.reset, 1));
    expect([board.config(PCICMD), board.config(MSGCTL), board.config(PASIDCTL), board.config(BAR0), board.config(DEVCTL)]).toEqual([0, 2, 0, 0xc, 0x2910]);
    expect(board.config(VENDOR)).toBe(0x0b258086);
    expect(board.device.imsEntry(1)).toMatchObject({ mask: true, address: 0xfee00000n, data: 0 });
    expect(board.device.msixEntry(1)).toEqual({ mask: true, pending: false });
    expect(board.device.idle).toBe(true);
    board.setConfig(PCICMD, on);
    expect([board.read(GENSTS), board.read(CMDSTATUS), board.read(INTCAUSE), board.read(SWERROR0)]).toEqual([0, 0, 0, 0n]);

    board.powerOn().enable();
    expect(board.perform({ opcode: OPCODE.NOOP, flags: DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT, interruptHandle: 1 }, { ims: true }).status).toBe(0x19);
  });

  test.each(['function level reset', 'conventional reset'])('after a %s the function neither answers nor interrupts', (kind) => {
    const board = new Board(DSA_SMALL).powerOn();
    board.setUpIms(1, null);
    board.run(kind === 'conventional reset' ? board.device.conventionalReset() : board.device.functionLevelReset());
    expect(board.read(GENSTS)).toBe(0xffffffff);
    board.device.raiseIms(1);
    expect([board.device.imsEntry(1).pending, board.device.msixEntry(0)]).toEqual([true, { mask: true, pending: false }]);
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
    board.setUpIms(1, null);
    expect([board.device.imsEntry(1).pending, board.take()]).toEqual([true, []]);
  });

  test('takes a command away that is being executed; the next one is taken up', () => {
    const board = new Board().powerOn();
    board.write(CMD, command(COMMAND.DRAIN_ALL));
    board.run(board.device.functionLevelReset());
    board.powerOn();
    board.settle();
    expect([board.read(CMDSTATUS), board.read(INTCAUSE)]).toEqual([0, 0]);
    expect(board.take()).toEqual([]);
    board.enable();
  });

  test('DEVSTS says whether an engine may still reach memory', () => {
    const board = new Board(DSA_SMALL, 'none').powerOn();
    const [commands, engine] = board.device.engines();
    board.executor.spawn({ name: 'commands', layer: 'hw' }, commands?.steps ?? [][Symbol.iterator]() as never);
    board.enable();
    board.submit({ opcode: OPCODE.NOOP });
    engine?.steps.next();
    engine?.steps.next();
    expect(board.device.inFlight).toBe(1);
    expect(board.config(DEVSTS)).toBe(DEVSTS.of({ transactionsPending: 1 }));
    board.setConfig(DEVCTL, DEVCTL.initiateFunctionLevelReset.set(DEVCTL.reset, 1));
    expect(board.config(DEVSTS)).toBe(DEVSTS.of({ transactionsPending: 1 }));
    engine?.steps.next();
    expect(board.config(DEVSTS)).toBe(0);
    expect(board.accesses).toEqual([]);
  });
});
