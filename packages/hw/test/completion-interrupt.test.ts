import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  COMMAND, COMPLETION_STATUS, DESCRIPTOR_FLAG, DSA_SMALL, GENCFG, handleOperand, ImsEntry, MSGCTL, MsixEntry, Msixperm, OPCODE, PCICMD, SWERROR0, SWERROR1, CMDSTATUS,
} from '@siov/datasheet';
import { permits } from '../src/index.ts';
import { Board, imsData, msixData, RECORD } from './board.ts';

const RCI = DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;
const noop = (interruptHandle: number) => ({ opcode: OPCODE.NOOP, flags: RCI, interruptHandle });

/** A queue that has a PASID may ask for interrupts when it is privileged (or GENCFG lets users). */
const withPasid = (pasid: number) => new Board().powerOn({ pasids: true }).enable({ pasid, priv: true });

describe('permission of an entry (five cases)', () => {
  test.each([
    [{ pasidEnable: false, pasid: 0 }, null, true],
    [{ pasidEnable: true, pasid: 7 }, 7, true],
    [{ pasidEnable: true, pasid: 7 }, 8, false],
    [{ pasidEnable: false, pasid: 0 }, 7, false],
    [{ pasidEnable: true, pasid: 7 }, null, false],
  ] as const)('%o for PASID %s: %s', (entry, pasid, expected) => {
    expect(permits(entry, pasid)).toBe(expected);
  });

  test.each([
    ['passes: neither entry nor queue has a PASID', null, null, true],
    ['passes: both have the same', 7, 7, true],
    ['fails: they differ', 7, 8, false],
    ['fails: only the queue has one', null, 7, false],
    ['fails: only the entry has one', 7, null, false],
  ] as const)('R2: the device %s', (_name, entry, queue, passes) => {
    for (const ims of [true, false]) {
      const board = new Board().powerOn({ pasids: true }).enable(queue === null ? {} : { pasid: queue, priv: true });
      if (ims) board.setUpIms(5, entry);
      else if (entry !== null) board.write(Msixperm, Msixperm.of({ pasid: entry, pasidEnable: 1 }), board.msixperm(5));
      const record = board.perform(noop(5), { ims });
      expect(record.status).toBe(passes ? COMPLETION_STATUS.SUCCESS : COMPLETION_STATUS.INTERRUPT_HANDLE);
      expect(board.take()).toEqual(passes ? [ims ? imsData(5) : msixData(5)] : []);
    }
  });

  test('R2: with PASID enable clear in entry and queue no PASID is compared, whatever the PASID field says', () => {
    const board = new Board().powerOn().enable();
    board.write(ImsEntry.Data, ImsEntry.Data.image(imsData(9)), board.ims(9));
    board.write(ImsEntry.Control, ImsEntry.Control.of({ mask: 0, pasidEnable: 0, pasid: 0xabcde }), board.ims(9));
    expect(board.perform(noop(9), { ims: true }).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(board.take()).toEqual([imsData(9)]);
  });

  test('a refused descriptor moves no data, gets record and software error, and no interrupt', () => {
    const board = withPasid(7);
    board.setUpIms(5, 8);
    const record = board.perform({ opcode: OPCODE.MEMMOVE, flags: RCI, interruptHandle: 5, source: 0n, destination: 0x1000n, size: 64 }, { ims: true });
    expect(record).toMatchObject({ status: 0x19, completed: 0 });
    expect(board.accesses.every(({ address }) => address >= RECORD)).toBe(true);
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 0, error: 0x19, wqIndexValid: 1, wqIndex: 0, descriptorValid: 1, pasid: 7, operation: 3 });
    expect(SWERROR1.errorInfo.get(board.read(SWERROR1)) & 0xffff).toBe(5);
    expect(board.take()).toEqual([]);
  });

  test('privilege does not help against a foreign entry, and Ignore does not open it', () => {
    const board = withPasid(7);
    board.write(ImsEntry.Control, ImsEntry.Control.of({ mask: 0, ignore: 1, pasidEnable: 1, pasid: 8 }), board.ims(5));
    expect(board.perform(noop(5), { ims: true }).status).toBe(0x19);
  });
});

describe('who may ask for an interrupt', () => {
  test('a user descriptor may not, until GENCFG lets users', () => {
    const board = new Board().powerOn({ pasids: true }).enable({ pasid: 7 });
    board.setUpIms(5, 7);
    expect(board.perform(noop(5), { ims: true })).toMatchObject({ status: COMPLETION_STATUS.INVALID_FLAGS, invalidFlags: RCI });
    expect(board.take()).toEqual([]);

    const allowed = new Board().powerOn({ pasids: true });
    allowed.write(GENCFG, GENCFG.userInterruptsEnable.set(GENCFG.reset, 1));
    allowed.enable({ pasid: 7 });
    allowed.setUpIms(5, 7);
    expect(allowed.perform(noop(5), { ims: true }).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(allowed.take()).toEqual([imsData(5)]);
  });

  test('when another check fails a permitted interrupt is sent all the same', () => {
    const board = new Board().powerOn().enable();
    const record = board.perform({ opcode: OPCODE.MEMMOVE, flags: RCI, interruptHandle: 1, size: 0 });
    expect(record.status).toBe(COMPLETION_STATUS.TRANSFER_SIZE);
    expect(board.take()).toEqual([msixData(1)]);
  });
});

describe('handles', () => {
  test('without Request Interrupt Handle a handle is the index of the portal’s table', () => {
    const board = new Board().powerOn().enable();
    board.setUpIms(2047, null);
    expect(board.perform(noop(2047), { ims: true }).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(board.perform(noop(2048), { ims: true }).status).toBe(COMPLETION_STATUS.INTERRUPT_HANDLE);
    expect(board.perform(noop(8)).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(board.perform(noop(9)).status).toBe(COMPLETION_STATUS.INTERRUPT_HANDLE);
  });

  test('with it a handle is good from request to release, and only for its table', () => {
    const board = new Board(DSA_SMALL).powerOn().enable();
    board.setUpIms(1, null);
    expect(board.perform(noop(1), { ims: true }).status).toBe(COMPLETION_STATUS.INTERRUPT_HANDLE);
    expect(CMDSTATUS.result.get(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 1, ims: true })))).toBe(1);
    expect(board.perform(noop(1), { ims: true }).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(board.perform(noop(1)).status).toBe(COMPLETION_STATUS.INTERRUPT_HANDLE);
    expect(board.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index: 1, ims: true }))).toBe(0);
    expect(board.perform(noop(1), { ims: true }).status).toBe(COMPLETION_STATUS.INTERRUPT_HANDLE);
  });

  test('a revocation makes handles invalid, says so, and the next ones differ', () => {
    const board = new Board(DSA_SMALL).powerOn().enable();
    const operand = handleOperand({ index: 1, ims: false });
    const before = CMDSTATUS.result.get(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, operand));
    board.run(board.device.revokeInterruptHandles());
    expect(board.take()).toEqual([msixData(0)]);
    expect(board.perform(noop(before)).status).toBe(COMPLETION_STATUS.INTERRUPT_HANDLE);
    const after = CMDSTATUS.result.get(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, operand));
    expect(after).not.toBe(before);
    board.take();
    expect(board.perform(noop(after)).status).toBe(COMPLETION_STATUS.SUCCESS);
    expect(board.take()).toEqual([msixData(1)]);
  });
});

describe('delivery', () => {
  test('the record is in memory before the interrupt', () => {
    const board = new Board().powerOn().enable();
    let seen = 0;
    const push = board.messages.push.bind(board.messages);
    board.messages.push = (...each) => {
      seen = board.record(RECORD).status;
      return push(...each);
    };
    board.perform(noop(1));
    expect(seen).toBe(COMPLETION_STATUS.SUCCESS);
  });

  test('a masked entry becomes pending and sends once when unmasked', () => {
    const board = new Board().powerOn().enable();
    board.setUpIms(5, null, true);
    board.perform(noop(5), { ims: true });
    board.perform(noop(5), { ims: true });
    expect(board.take()).toEqual([]);
    expect(board.device.imsEntry(5)).toMatchObject({ mask: true, pending: true });
    board.write(ImsEntry.Control, ImsEntry.Control.of({ mask: 0 }), board.ims(5));
    expect(board.take()).toEqual([imsData(5)]);
    expect(board.device.imsEntry(5)).toMatchObject({ mask: false, pending: false });
  });

  test('MSI-X function mask keeps vectors pending, not IMS entries', () => {
    const board = new Board().powerOn().enable();
    board.setUpIms(5, null);
    board.setConfig(MSGCTL, MSGCTL.of({ enable: 1, functionMask: 1 }));
    board.perform(noop(5), { ims: true });
    board.perform(noop(2));
    expect(board.take()).toEqual([imsData(5)]);
    expect(board.device.msixEntry(2)).toEqual({ mask: false, pending: true });
    board.setConfig(MSGCTL, MSGCTL.of({ enable: 1 }));
    expect(board.take()).toEqual([msixData(2)]);
  });

  test('Ignore in MSIXPERM drops completion interrupts, of vector 0 too, but not what the device itself has to say', () => {
    const board = new Board().powerOn().enable();
    for (const vector of [0, 2]) board.write(Msixperm, Msixperm.of({ ignore: 1 }), board.msixperm(vector));
    board.perform(noop(2));
    board.perform(noop(0));
    expect(board.take()).toEqual([]);
    expect(board.device.msixEntry(2).pending).toBe(false);
    board.command(COMMAND.DRAIN_ALL, 0, true);
    expect(board.take()).toEqual([msixData(0)]);
  });
});

describe('an IMS entry under any sequence of events', () => {
  /** The rules of DSA spec 3.0 §3.7 and §9.2, as a machine of three bits. */
  interface Model { mask: boolean; ignore: boolean; pending: boolean; sent: number }
  const event = fc.constantFrom('fire', 'mask', 'unmask', 'ignore', 'heed', 'write pending' as const);
  const step = (model: Model, what: string): void => {
    if (what === 'fire' && !model.ignore) {
      if (model.mask) model.pending = true;
      else model.sent += 1;
    }
    if (what === 'mask') model.mask = true;
    if (what === 'ignore') model.ignore = true;
    if (what === 'heed') model.ignore = false;
    if (what === 'unmask') model.mask = false;
    if (!model.mask && model.pending) {
      if (!model.ignore) model.sent += 1;
      model.pending = false;
    }
  };

  test('agrees with the model', () => {
    fc.assert(fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      const board = new Board(DSA_SMALL).powerOn().enable();
      board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 3, ims: true }));
      const model: Model = { mask: true, ignore: false, pending: false, sent: 0 };
      board.setUpIms(3, null, true);
      for (const what of events) {
        step(model, what);
        if (what === 'fire') board.perform(noop(3), { ims: true });
        else {
          const control = { mask: model.mask ? 1 : 0, ignore: model.ignore ? 1 : 0 };
          const raw = ImsEntry.Control.of(control) | (what === 'write pending' ? 2 : 0);
          board.write(ImsEntry.Control, ImsEntry.Control.image(raw), board.ims(3));
        }
        const { mask, ignore, pending } = board.device.imsEntry(3);
        expect({ mask, ignore, pending, sent: board.messages.length }).toEqual(model);
      }
    }), { numRuns: 60 });
  });
});

describe('MSI-X table', () => {
  test('a vector that is masked when its event comes is pending until unmasked', () => {
    const board = new Board().powerOn().enable();
    const control = board.profile.msix.table;
    board.write(MsixEntry.Control, MsixEntry.Control.of({ mask: 1 }), control);
    board.command(COMMAND.DRAIN_ALL, 0, true);
    expect(board.take()).toEqual([]);
    expect(board.run(board.device.bar0.read(board.profile.msix.pba, 4))).toBe(1);
    board.write(MsixEntry.Control, MsixEntry.Control.of({ mask: 0 }), control);
    expect(board.take()).toEqual([msixData(0)]);
    expect(board.run(board.device.bar0.read(board.profile.msix.pba, 4))).toBe(0);
  });

  test('without bus master nothing is sent and nothing forgotten', () => {
    const board = new Board().powerOn().enable();
    const masked = MsixEntry.Control.of({ mask: 1 });
    board.write(MsixEntry.Control, masked, board.profile.msix.table);
    board.setUpIms(5, null, true);
    board.perform(noop(5), { ims: true });
    board.command(COMMAND.DISABLE_DEVICE, 0, true);
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
    board.write(MsixEntry.Control, MsixEntry.Control.of({ mask: 0 }), board.profile.msix.table);
    board.write(ImsEntry.Control, ImsEntry.Control.of({ mask: 0 }), board.ims(5));
    expect(board.take()).toEqual([]);
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 }));
    expect(board.take()).toEqual([msixData(0)]);
    board.write(ImsEntry.Control, ImsEntry.Control.of({ mask: 0 }), board.ims(5));
    expect(board.take()).toEqual([imsData(5)]);
  });
});
