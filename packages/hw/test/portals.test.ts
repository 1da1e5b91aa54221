// DSA spec 3.0 table 5-1: what each kind of write to each kind of queue does.
import { describe, expect, test } from 'vitest';
import {
  CMD, COMMAND, command, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, DSA_SMALL, DSA_SPR, GENCAP, GENCTRL, INTCAUSE, layoutOf, OPCODE, PCICMD, portalOffset, SOFTWARE_ERROR, SWERROR0, Wqcfg,
} from '@siov/datasheet';
import { Board, imsData, msixData, RECORD } from './board.ts';

const noop = { opcode: OPCODE.NOOP };
/** No agents: what is accepted stays in the queue. */
const still = (setup: Parameters<Board['enable']>[0]) => {
  const board = new Board(DSA_SPR, 'none').powerOn({ pasids: true });
  const commands = board.device.engines()[0];
  if (commands !== undefined) board.executor.spawn({ name: 'commands', layer: 'hw' }, commands.steps);
  return board.enable(setup);
};
const dedicated = (size = 4) => still({ size });
const shared = (size = 4, threshold = 2) => still({ size, threshold, dedicated: false, pasid: 0 });

describe('a posted write (MOVDIR64B)', () => {
  test('goes into a dedicated queue through any of its portals, up to the size', () => {
    const board = dedicated(4);
    for (const limited of [false, true]) for (const ims of [false, true]) board.submit(noop, { limited, ims });
    expect(board.device.occupancy(0)).toBe(4);
  });

  test('to a full dedicated queue is lost, with error 0x53', () => {
    const board = dedicated(1);
    board.write(GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1 }));
    board.submit(noop);
    board.submit({ ...noop, opcode: OPCODE.MEMMOVE });
    expect(board.device.occupancy(0)).toBe(1);
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ error: SOFTWARE_ERROR.QUEUE_FULL, wqIndexValid: 1, wqIndex: 0, operation: OPCODE.MEMMOVE });
    expect(board.read(INTCAUSE)).toBe(INTCAUSE.of({ softwareError: 1 }));
    expect(board.take()).toEqual([msixData(0)]);
    board.submit(noop);
    expect(board.take()).toEqual([]);
    expect(SWERROR0.overflow.get(board.read(SWERROR0))).toBe(1);
  });

  test('to a full dedicated queue is lost in the name of the queue, whatever the descriptor says', () => {
    const board = new Board().powerOn({ pasids: true }).enable({ size: 1, pasid: 7, priv: true });
    board.submit(noop);
    board.submit({ ...noop, pasid: 9 });
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ error: SOFTWARE_ERROR.QUEUE_FULL, pasid: 7, priv: 1 });
  });

  test('to a shared, a disabled or no queue is dropped without a word', () => {
    for (const [board, wq] of [[shared(), 0], [dedicated(), 1], [dedicated(), 8]] as const) {
      board.submit(noop, { wq });
      expect(board.device.occupancy(0)).toBe(0);
      expect(board.read(SWERROR0)).toBe(0n);
    }
  });

  test('of another size or off its boundary is dropped', () => {
    const board = dedicated();
    const submit = (offset: number, length: number) => board.run(board.device.portals.submit(offset, new Uint8Array(length)));
    submit(0x1000, DESCRIPTOR_SIZE / 2);
    submit(0x1008, DESCRIPTOR_SIZE);
    expect(board.device.occupancy(0)).toBe(0);
    submit(0x1fc0, DESCRIPTOR_SIZE);
    expect(board.device.occupancy(0)).toBe(1);
  });

  test('is not seen without memory space', () => {
    const board = dedicated();
    board.setConfig(PCICMD, PCICMD.of({ busMasterEnable: 1 }));
    board.submit(noop);
    expect(board.device.occupancy(0)).toBe(0);
  });
});

describe('a deferrable write (ENQCMD)', () => {
  test('is accepted by a shared queue up to the threshold through limited portals, up to the size through others', () => {
    const board = shared(4, 2);
    expect([1, 2, 3].map(() => board.enqueue(noop, { limited: true }))).toEqual([true, true, false]);
    expect([1, 2, 3].map(() => board.enqueue(noop, { limited: false }))).toEqual([true, true, false]);
    expect(board.read(SWERROR0)).toBe(0n);
  });

  test('is told to retry by a dedicated, a disabled or no queue, and off its boundary', () => {
    expect(dedicated().enqueue(noop)).toBe(false);
    expect(shared().enqueue(noop, { wq: 1 })).toBe(false);
    expect(shared().enqueue(noop, { wq: 8 })).toBe(false);
    const board = shared();
    expect(board.run(board.device.portals.enqueue(0x1020, new Uint8Array(64)))).toBe(false);
  });

  test('is told to retry in Halt', () => {
    const board = shared();
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
    expect(board.enqueue(noop)).toBe(false);
  });
});

describe('a device without message store', () => {
  test('has no IMS portals', () => {
    const board = new Board({ ...DSA_SMALL, GENCAP: GENCAP.imsSize.set(DSA_SMALL.GENCAP, 0) }).powerOn().enable();
    board.submit(noop, { ims: true });
    expect(board.device.idle).toBe(true);
    board.submit(noop);
    expect(board.device.idle).toBe(false);
  });
});

describe('occupancy', () => {
  test('is what waits in the queue', () => {
    const board = dedicated();
    board.submit(noop);
    board.submit(noop);
    expect(Wqcfg.Status.decode(board.read(Wqcfg.Status, board.wq(0)))).toMatchObject({ occupancy: 2, state: 1 });
    expect(board.run(board.device.bar0.read(board.wq(0) + Wqcfg.Status.offset, 1))).toBe(2);
  });

  test.each([[true, 5], [false, 3], [false, 0]])('falling below the limit interrupts once (IMS %s, handle %i)', (ims, handle) => {
    const board = new Board().powerOn();
    board.write(Wqcfg.OccupancyInterrupt, Wqcfg.OccupancyInterrupt.of({ handle, ims: ims ? 1 : 0 }), board.wq(0));
    board.write(Wqcfg.OccupancyLimit, Wqcfg.OccupancyLimit.of({ limit: 2, interruptEnable: 1 }), board.wq(0));
    board.enable({ size: 8 });
    board.setUpIms(5, null);
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 4; index++) board.submit(noop);
      board.settle();
    }
    expect(board.take()).toEqual([ims ? imsData(handle) : msixData(handle)]);
    expect(board.read(INTCAUSE)).toBe(handle === 0 ? INTCAUSE.of({ occupancyLimit: 1 }) : 0);
    expect(Wqcfg.Status.occupancyInterruptGenerated.get(board.read(Wqcfg.Status, board.wq(0)))).toBe(1);
    board.write(Wqcfg.Status, Wqcfg.Status.of({ occupancyInterruptGenerated: 1 }), board.wq(0));
    for (let index = 0; index < 4; index++) board.submit(noop);
    board.settle();
    expect(board.take()).toHaveLength(1);
  });
});

describe('arbitration', () => {
  const run = (priorities: readonly number[]) => {
    const board = new Board().powerOn();
    for (const [wq, priority] of priorities.entries()) board.configureWq(wq, { priority });
    board.configureGroup(0, [...priorities.keys()], [0]);
    board.command(COMMAND.ENABLE_DEVICE);
    for (const wq of priorities.keys()) board.command(COMMAND.ENABLE_WQ, wq);
    for (let turn = 0; turn < 2; turn++) {
      for (const wq of priorities.keys()) {
        board.submit({ ...noop, flags: DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD, completionRecord: RECORD + BigInt(0x1000 * wq + 32 * turn) }, { wq });
      }
    }
    board.settle();
    return board.accesses.filter(({ length }) => length === 8).map(({ address }) => Number((address - RECORD) >> 12n));
  };

  test('equal queues take turns', () => {
    expect(run([1, 1])).toEqual([1, 0, 1, 0]);
  });

  test('a higher priority goes first', () => {
    expect(run([1, 5])).toEqual([1, 1, 0, 0]);
  });

  test('an engine serves its own group only', () => {
    const board = new Board().powerOn();
    board.configureWq(0);
    board.configureWq(1);
    board.configureGroup(0, [0], [2]);
    board.configureGroup(1, [1], [3]);
    board.command(COMMAND.ENABLE_DEVICE);
    for (const wq of [0, 1]) board.command(COMMAND.ENABLE_WQ, wq);
    board.submit(noop, { wq: 1 });
    board.settle();
    expect(board.device.idle).toBe(true);
    board.write(CMD, command(COMMAND.DRAIN_ALL, 0, false));
    expect(board.device.idle).toBe(false);
  });
});

describe('trace', () => {
  test('every way in is recorded with the names of the data sheet', () => {
    const board = new Board().powerOn();
    board.events.length = 0;
    board.setUpIms(5, 0x42);
    board.run(board.device.bar0.read64(0x10));
    board.run(board.device.portals.submit(portalOffset({ wq: 3, limited: true, ims: true }), new Uint8Array(64)));
    board.run(board.device.functionLevelReset());
    expect(board.events.map(({ from, to, operation, values }) => [from, to, operation, values])).toEqual([
      ['test', 'hw', 'write32', { register: 'IMS[5].DATA', value: imsData(5) }],
      ['test', 'hw', 'write32', { register: 'IMS[5].CONTROL', value: 0x42008 }],
      ['test', 'hw', 'read64', { register: 'GENCAP' }],
      ['test', 'hw', 'submit', { portal: 'WQ[3].limited.IMS' }],
      ['test', 'hw', 'function_level_reset', { device: 'dsa0' }],
    ]);
  });

  test('looking at a device from outside leaves none: entries, vectors, and how queues take descriptors', () => {
    const board = new Board().powerOn({ pasids: true }).enable({ pasid: 0x42 });
    board.configureWq(1, { dedicated: false, pasid: null });
    board.events.length = 0;
    expect([board.device.wqMode(0), board.device.wqMode(1)]).toEqual([
      { dedicated: true, pasidEnable: true, pasid: 0x42 }, { dedicated: false, pasidEnable: false, pasid: 0 },
    ]);
    expect([board.device.imsEntry(0).mask, board.device.msixEntry(0).mask]).toEqual([true, false]);
    expect(board.events).toEqual([]);
    for (const none of [-1, layoutOf(DSA_SPR).wqs]) expect(() => board.device.wqMode(none)).toThrow(`there is no work queue ${none}`);
  });
});
