// The pending bit array: what a vector that must not be sent leaves behind, and when it goes out (PCI local bus 3.0 §6.8.2;
// DSA spec 3.0 §3.7).
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { COMMAND, DESCRIPTOR_FLAG, DSA_SPR, MSGCTL, MsixEntry, OPCODE, PCICMD } from '@siov/datasheet';
import { Board, msixData } from './board.ts';

const VECTORS = DSA_SPR.msix.count;
const on = MSGCTL.of({ enable: 1 });
const functionMasked = MSGCTL.of({ enable: 1, functionMask: 1 });
const busMaster = PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 });

const fire = (board: Board, vector: number) => board.perform({ opcode: OPCODE.NOOP, flags: DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT, interruptHandle: vector });
const mask = (board: Board, vector: number, masked: 0 | 1) => board.write(MsixEntry.Control, MsixEntry.Control.of({ mask: masked }), board.profile.msix.table + 16 * vector);
const pending = (board: Board) => board.run(board.device.bar0.read(board.profile.msix.pba, 4));

describe('the pending bit of a vector', () => {
  test.each(Array.from({ length: VECTORS }, (_each, vector) => vector))('%i is set while its entry is masked, by its own bit alone, and cleared when it is sent', (vector) => {
    const board = new Board().powerOn().enable();
    mask(board, vector, 1);
    fire(board, vector);
    expect([pending(board), board.take()]).toEqual([1 << vector, []]);
    mask(board, vector, 0);
    expect([pending(board), board.take()]).toEqual([0, [msixData(vector)]]);
  });

  test('is software’s to read only, in accesses of every size', () => {
    const board = new Board().powerOn().enable();
    mask(board, 3, 1);
    fire(board, 3);
    const { pba } = board.profile.msix;
    for (const value of [0, 0xffffffff]) {
      for (const size of [1, 2, 4] as const) board.run(board.device.bar0.write(pba, size, value));
      board.run(board.device.bar0.write64(pba, BigInt(value)));
      expect([pending(board), board.take()]).toEqual([8, []]);
    }
  });

  test('outlives what does not unmask it: other entries, other fields of its own', () => {
    const board = new Board().powerOn().enable();
    mask(board, 3, 1);
    fire(board, 3);
    mask(board, 4, 0);
    board.write(MsixEntry.Data, MsixEntry.Data.image(0x77), board.profile.msix.table + 16 * 3);
    mask(board, 3, 1);
    expect([pending(board), board.take()]).toEqual([8, []]);
    mask(board, 3, 0);
    // By the entry as it is now.
    expect(board.take()).toEqual([0x77]);
  });
});

describe('the function mask', () => {
  test('keeps all vectors, and lets them go lowest first', () => {
    const board = new Board().powerOn().enable();
    board.setConfig(MSGCTL, functionMasked);
    for (const vector of [7, 2, 5, 2]) fire(board, vector);
    board.command(COMMAND.DRAIN_ALL, 0, true);
    expect([pending(board), board.take()]).toEqual([0b10100101, []]);
    mask(board, 5, 1);
    board.setConfig(MSGCTL, on);
    expect([pending(board), board.take()]).toEqual([0b100000, [0, 2, 7].map(msixData)]);
  });

  test('is no reason to send what its own entry masks, nor the other way round', () => {
    const board = new Board().powerOn().enable();
    mask(board, 2, 1);
    board.setConfig(MSGCTL, functionMasked);
    fire(board, 2);
    mask(board, 2, 0);
    expect([pending(board), board.take()]).toEqual([4, []]);
    mask(board, 2, 1);
    board.setConfig(MSGCTL, on);
    expect([pending(board), board.take()]).toEqual([4, []]);
  });
});

describe('a function', () => {
  test('with MSI-X disabled drops what it has to say, masked or not', () => {
    const board = new Board().powerOn().enable();
    for (const control of [0, functionMasked & ~on]) {
      board.setConfig(MSGCTL, MSGCTL.image(control));
      mask(board, 2, 1);
      for (const vector of [1, 2]) fire(board, vector);
      expect([pending(board), board.take()]).toEqual([0, []]);
    }
    board.setConfig(MSGCTL, on);
    mask(board, 2, 0);
    expect(board.take()).toEqual([]);
  });

  test('keeps what was pending when MSI-X was disabled until it is enabled again', () => {
    const board = new Board().powerOn().enable();
    mask(board, 2, 1);
    fire(board, 2);
    board.setConfig(MSGCTL, MSGCTL.of({ enable: 0 }));
    mask(board, 2, 0);
    expect([pending(board), board.take()]).toEqual([4, []]);
    board.setConfig(MSGCTL, on);
    expect([pending(board), board.take()]).toEqual([0, [msixData(2)]]);
  });

  test('that may not write to memory keeps a masked vector pending and loses an unmasked one', () => {
    const board = new Board().powerOn();
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
    board.command(COMMAND.DRAIN_ALL, 0, true);
    expect(pending(board)).toBe(0);
    mask(board, 0, 1);
    board.command(COMMAND.DRAIN_ALL, 0, true);
    mask(board, 0, 0);
    expect([pending(board), board.take()]).toEqual([1, []]);
    board.setConfig(PCICMD, busMaster);
    expect([pending(board), board.take()]).toEqual([0, [msixData(0)]]);
  });
});

describe('under any sequence of events', () => {
  interface Model { enabled: boolean; functionMask: boolean; masked: Set<number>; pending: Set<number>; sent: number[] }
  const free = (model: Model, vector: number) => model.enabled && !model.functionMask && !model.masked.has(vector);
  const release = (model: Model): void => {
    for (const vector of [...model.pending].sort((a, b) => a - b)) {
      if (!free(model, vector)) continue;
      model.pending.delete(vector);
      model.sent.push(msixData(vector));
    }
  };
  const vector = fc.nat(VECTORS - 1);
  const event = fc.oneof(
    vector.map((each) => ({ what: 'fire', each }) as const),
    fc.record({ what: fc.constantFrom('mask', 'unmask'), each: vector }),
    fc.record({ what: fc.constant('control' as const), enable: fc.boolean(), functionMask: fc.boolean() }),
  );

  test('pending bits and messages are those of the rules', () => {
    fc.assert(fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      const board = new Board().powerOn().enable();
      const model: Model = { enabled: true, functionMask: false, masked: new Set(), pending: new Set(), sent: [] };
      for (const each of events) {
        if (each.what === 'control') {
          Object.assign(model, { enabled: each.enable, functionMask: each.functionMask });
          board.setConfig(MSGCTL, MSGCTL.of({ enable: each.enable ? 1 : 0, functionMask: each.functionMask ? 1 : 0 }));
        } else if (each.what === 'fire') {
          if (free(model, each.each)) model.sent.push(msixData(each.each));
          else if (model.enabled) model.pending.add(each.each);
          fire(board, each.each);
        } else {
          if (each.what === 'mask') model.masked.add(each.each);
          else model.masked.delete(each.each);
          mask(board, each.each, each.what === 'mask' ? 1 : 0);
        }
        release(model);
        expect({ pending: pending(board), sent: board.messages.map(({ data }) => data) }).toEqual({ pending: [...model.pending].reduce((sum, bit) => sum | (1 << bit), 0), sent: model.sent });
      }
    }), { numRuns: 60 });
  });
});
