// Who may have an interrupt through which entry: handle, comparison, effects and delivery (DSA spec 3.0 §3.7, §5.4, table 5-2),
// in every combination of entry table, portal and queue.
import { describe, expect, test } from 'vitest';
import { ModelError } from '@siov/base';
import {
  CMDSTATUS, COMMAND, COMMAND_ERROR, COMPLETION_STATUS, DESCRIPTOR_FLAG, DSA_SMALL, DSA_SPR, GENCTRL, handleOperand, ImsEntry, INTCAUSE, MsixEntry, Msixperm, OPCODE, PASIDCTL, PCICMD,
  PRICTL, SWERROR0, SWERROR1, Wqcfg,
} from '@siov/datasheet';
import type { Descriptor, Portal } from '@siov/datasheet';
import type { PermissionCheck } from '../src/index.ts';
import { Board, imsData, msixData, RECORD } from './board.ts';

const RCI = DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;
const CRAV = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID;
const { SUCCESS, INTERRUPT_HANDLE } = COMPLETION_STATUS;
const ENTRY = 5;
/** Where a memory move of these tests puts its data. */
const MOVED = { source: 0x1000n, destination: 0x2000n, size: 64 } as const;
const move = (handle = ENTRY): Partial<Descriptor> => ({ opcode: OPCODE.MEMMOVE, flags: RCI, interruptHandle: handle, ...MOVED });

const data = (ims: boolean, entry = ENTRY) => (ims ? imsData(entry) : msixData(entry));
const control = (board: Board, ims: boolean) => (ims ? board.ims(ENTRY) + ImsEntry.Control.offset : board.msixperm(ENTRY));
/** Bits 2, 3 and 31:12 mean the same in both tables; bit 0 is the mask of an IMS entry. */
const permission = (pasid: number | null, ignore: 0 | 1 = 0) => Msixperm.of({ pasidEnable: pasid === null ? 0 : 1, pasid: pasid ?? 0xabcde, ignore });

function permit(board: Board, ims: boolean, pasid: number | null, ignore: 0 | 1 = 0): void {
  if (ims) board.write(ImsEntry.Data, ImsEntry.Data.image(imsData(ENTRY)), board.ims(ENTRY));
  board.run(board.device.bar0.write(control(board, ims), 4, permission(pasid, ignore)));
}

/** A queue with this PASID whose descriptors may ask for interrupts. */
function boardWith(queue: number | null, dedicated: boolean, check: PermissionCheck = 'acceptance'): Board {
  const board = new Board(DSA_SPR, 'agents', { permissionCheck: check }).powerOn({ pasids: true });
  board.memory.write(Number(MOVED.source), new Uint8Array(MOVED.size).fill(0xa5));
  return board.enable({ dedicated, threshold: 16, ...(dedicated ? { pasid: queue, priv: queue !== null } : { pasid: 0xfffff }) });
}

/** Submits as the queue's kind demands: a shared one takes PASID and privilege from the descriptor. */
function perform(board: Board, dedicated: boolean, queue: number | null, fields: Partial<Descriptor>, portal: Partial<Portal>) {
  if (dedicated) return board.perform(fields, portal);
  board.memory.write(Number(RECORD), new Uint8Array(32));
  expect(board.enqueue({ completionRecord: RECORD, ...fields, flags: CRAV | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | (fields.flags ?? 0), pasid: queue ?? 0, priv: true }, portal)).toBe(true);
  board.settle();
  return board.record(RECORD);
}

const moved = (board: Board) => board.bytes(MOVED.destination, MOVED.size).every((byte) => byte === 0xa5);

const CASES = [
  { name: 'neither entry nor queue uses PASIDs', entry: null, queue: null, passes: true },
  { name: 'both use one, the same', entry: 7, queue: 7, passes: true },
  { name: 'both use one, another', entry: 7, queue: 8, passes: false },
  { name: 'only the queue uses one', entry: null, queue: 7, passes: false },
  { name: 'only the entry uses one', entry: 7, queue: null, passes: false },
] as const;
const KINDS = [true, false].flatMap((ims) => [true, false].flatMap((limited) => [true, false].map((dedicated) => ({ ims, limited, dedicated }))));
const TABLE = CASES.flatMap((each) => KINDS.map((kind) => ({ ...each, ...kind })));
const named = TABLE.map((row) => [`${row.name}: ${row.ims ? 'IMS' : 'MSI-X'}, ${row.limited ? 'limited' : 'unlimited'} portal, ${row.dedicated ? 'dedicated' : 'shared'} queue`, row] as const);
/** Without a PASID there is no shared queue: Enable WQ refuses it. */
const possible = named.filter(([, { dedicated, queue }]) => dedicated || queue !== null);

test('the table is complete: five cases, two tables, two kinds of portal, two kinds of queue', () => {
  expect([new Set(named.map(([name]) => name)).size, possible.length]).toEqual([40, 32]);
  for (const { dedicated, queue } of TABLE.filter((row) => !row.dedicated && row.queue === null)) {
    const board = new Board().powerOn({ pasids: true });
    board.configureWq(0, { dedicated, pasid: queue, threshold: 16 });
    board.configureGroup(0, [0], [0]);
    board.command(COMMAND.ENABLE_DEVICE);
    expect(board.command(COMMAND.ENABLE_WQ, 0)).toBe(COMMAND_ERROR.WQ_PASID_ENABLE);
  }
});

describe('R2: an entry compares PASIDs when its PASID enable is set, and is for descriptors without PASID when it is clear', () => {
  test.each(possible)('%s', (_name, { ims, limited, dedicated, entry, queue, passes }) => {
    const board = boardWith(queue, dedicated);
    permit(board, ims, entry);
    const record = perform(board, dedicated, queue, move(), { ims, limited });
    expect(record).toMatchObject({ status: passes ? SUCCESS : INTERRUPT_HANDLE, completed: 0 });
    expect(moved(board)).toBe(passes);
    expect(board.take()).toEqual(passes ? [data(ims)] : []);
    const error = SWERROR0.decode(board.read(SWERROR0));
    expect(error).toMatchObject(passes ? { valid: 0 } : { valid: 1, overflow: 0, error: 0x19, wqIndexValid: 1, wqIndex: 0, descriptorValid: 1, errorInfoValid: 1, pasid: queue ?? 0, operation: 3 });
    // Handle, interrupt wanted, which table, record wanted.
    if (!passes) expect(SWERROR1.errorInfo.get(board.read(SWERROR1))).toBe(ENTRY | (1 << 16) | (ims ? 1 << 17 : 0) | (1 << 18));
  });

  test.each(possible)('Ignore does not take part in the comparison: %s', (_name, { ims, limited, dedicated, entry, queue, passes }) => {
    const board = boardWith(queue, dedicated);
    permit(board, ims, entry, 1);
    expect(perform(board, dedicated, queue, move(), { ims, limited }).status).toBe(passes ? SUCCESS : INTERRUPT_HANDLE);
    expect(board.take()).toEqual([]);
  });

  test.each(possible.filter(([, { passes }]) => !passes))('without an address for a record the error is told in SWERROR only: %s', (_name, { ims, limited, dedicated, entry, queue }) => {
    const board = boardWith(queue, dedicated);
    permit(board, ims, entry);
    const fields = { ...move(), pasid: queue ?? 0, priv: true };
    if (dedicated) board.submit(fields, { ims, limited });
    else board.enqueue(fields, { ims, limited });
    board.settle();
    expect([moved(board), board.accesses, board.take()]).toEqual([false, [], []]);
    expect(SWERROR0.error.get(board.read(SWERROR0))).toBe(0x19);
  });

  test('R2: through an entry that does not check, any kernel queue without PASIDs interrupts, whatever the entry’s PASID field says', () => {
    const board = boardWith(null, true);
    permit(board, true, null);
    expect(board.device.imsEntry(ENTRY)).toMatchObject({ pasidEnable: false, pasid: 0xabcde });
    expect(board.perform(move(), { ims: true }).status).toBe(SUCCESS);
    expect(board.take()).toEqual([imsData(ENTRY)]);
  });

  test.each([true, false])('R21: whose interrupt it is depends on when the entry is written: before it has the submitter’s PASID the descriptor is refused, with 0x19 and no interrupt (IMS: %s)', (ims) => {
    const board = boardWith(7, true);
    for (const [pasid, status] of [[8, INTERRUPT_HANDLE], [7, SUCCESS], [8, INTERRUPT_HANDLE]] as const) {
      permit(board, ims, pasid);
      expect(board.perform(move(), { ims }).status).toBe(status);
      expect(board.take()).toEqual(status === SUCCESS ? [data(ims)] : []);
    }
  });

  test('a batch member is compared in the name of its batch, in the table of its batch’s portal', () => {
    const board = new Board(DSA_SPR).powerOn({ pasids: true }).enable({ pasid: 7, priv: true });
    board.setUpIms(1, 7);
    board.setUpIms(2, 8);
    board.write(Msixperm, Msixperm.of({ pasidEnable: 1, pasid: 7 }), board.msixperm(2));
    board.writeDescriptors(0x4000n, [1, 2].map((handle) => ({ opcode: OPCODE.NOOP, flags: RCI, interruptHandle: handle, pasid: 8 })));
    expect(board.perform({ opcode: OPCODE.BATCH, source: 0x4000n, size: 2 }, { ims: true })).toMatchObject({ status: COMPLETION_STATUS.BATCH_MEMBER_FAILED, completed: 2 });
    expect(board.take()).toEqual([imsData(1)]);
    expect(SWERROR0.decode(board.read(SWERROR0))).toMatchObject({ error: 0x19, batchMember: 1, pasid: 7 });
    expect(SWERROR1.batchIndex.get(board.read(SWERROR1))).toBe(1);
  });
});

describe('a handle is valid', () => {
  const request = (board: Board, ims: boolean, index: number) => CMDSTATUS.result.get(board.command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index, ims })));
  const status = (board: Board, ims: boolean, handle: number) => board.perform({ opcode: OPCODE.NOOP, flags: RCI, interruptHandle: handle }, { ims }).status;

  test.each([['MSI-X', false, DSA_SPR.msix.count], ['IMS', true, 2048]] as const)('%s portal, handles not requested: below the size of the table', (_name, ims, size) => {
    const board = new Board(DSA_SPR).powerOn().enable();
    expect([0, size - 1, size, 0xffff].map((handle) => status(board, ims, handle))).toEqual([SUCCESS, SUCCESS, INTERRUPT_HANDLE, INTERRUPT_HANDLE]);
  });

  test.each([['MSI-X', false, DSA_SMALL.msix.count], ['IMS', true, 256]] as const)('%s portal, handles requested: from request to release or revocation, for this table only', (_name, ims, size) => {
    const board = new Board(DSA_SMALL).powerOn().enable();
    const index = size - 1;
    expect(status(board, ims, index)).toBe(INTERRUPT_HANDLE);
    const handle = request(board, ims, index);
    expect([status(board, ims, handle), status(board, !ims, handle), status(board, ims, handle - 1)]).toEqual([SUCCESS, INTERRUPT_HANDLE, INTERRUPT_HANDLE]);
    board.command(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index, ims }));
    expect(status(board, ims, handle)).toBe(INTERRUPT_HANDLE);
    const again = request(board, ims, index);
    expect(status(board, ims, again)).toBe(SUCCESS);
    board.run(board.device.revokeInterruptHandles());
    expect(status(board, ims, again)).toBe(INTERRUPT_HANDLE);
    const next = request(board, ims, index);
    expect([next === again, status(board, ims, next)]).toEqual([false, SUCCESS]);
  });
});

describe('a permitted interrupt is', () => {
  const masked = (board: Board, ims: boolean, mask: 0 | 1) =>
    ims ? board.write(ImsEntry.Control, ImsEntry.Control.of({ mask }), board.ims(ENTRY)) : board.write(MsixEntry.Control, MsixEntry.Control.of({ mask }), board.profile.msix.table + 16 * ENTRY);
  const pending = (board: Board, ims: boolean) => (ims ? board.device.imsEntry(ENTRY).pending : board.device.msixEntry(ENTRY).pending);
  const noop = { opcode: OPCODE.NOOP, flags: RCI, interruptHandle: ENTRY };

  test.each([true, false])('dropped when the entry says Ignore, masked or not, and nothing is pending (IMS: %s)', (ims) => {
    const board = boardWith(null, true);
    for (const mask of [0, 1] as const) {
      masked(board, ims, mask);
      board.run(board.device.bar0.write(control(board, ims), 4, permission(null, 1) | (ims ? mask : 0)));
      expect(board.perform(noop, { ims }).status).toBe(SUCCESS);
      expect([pending(board, ims), board.take()]).toEqual([false, []]);
    }
  });

  test.each([true, false])('pending when the entry is masked, and sent once when that ends (IMS: %s)', (ims) => {
    const board = boardWith(null, true);
    if (ims) permit(board, true, null);
    masked(board, ims, 1);
    for (let count = 0; count < 2; count++) board.perform(noop, { ims });
    expect([pending(board, ims), board.take()]).toEqual([true, []]);
    masked(board, ims, 0);
    expect([pending(board, ims), board.take()]).toEqual([false, [data(ims)]]);
    masked(board, ims, 0);
    expect(board.take()).toEqual([]);
  });

  test.each([true, false])('sent otherwise, with the entry’s own address (IMS: %s)', (ims) => {
    const board = boardWith(null, true);
    const at = ims ? board.ims(ENTRY) : board.profile.msix.table + 16 * ENTRY;
    board.run(board.device.bar0.write64(at, 0xfeedf004n));
    if (ims) permit(board, true, null);
    board.perform(noop, { ims });
    expect(board.messages.splice(0)).toEqual([{ address: 0xfeedf004n, data: data(ims) }]);
  });

  test('no other failed check keeps it from being sent', () => {
    const board = boardWith(7, true);
    permit(board, true, 7);
    expect(board.perform({ ...move(), size: 0 }, { ims: true }).status).toBe(COMPLETION_STATUS.TRANSFER_SIZE);
    expect(board.take()).toEqual([imsData(ENTRY)]);
  });
});

describe('a device event on an IMS entry', () => {
  const entry = (board: Board, control: Parameters<typeof ImsEntry.Control.of>[0]) => board.write(ImsEntry.Control, ImsEntry.Control.of(control), board.ims(ENTRY));

  test('is sent, kept pending or dropped at once, by the entry as it is; its PASID is not asked again', () => {
    const board = new Board(DSA_SPR, 'none').powerOn();
    board.write(ImsEntry.Data, ImsEntry.Data.image(imsData(ENTRY)), board.ims(ENTRY));
    const after = (control: Parameters<typeof ImsEntry.Control.of>[0]) => {
      entry(board, control);
      board.device.raiseIms(ENTRY);
      return [board.device.imsEntry(ENTRY).pending, board.take().length];
    };
    expect(after({ mask: 0 })).toEqual([false, 1]);
    expect(after({ mask: 0, pasidEnable: 1, pasid: 9 })).toEqual([false, 1]);
    expect(after({ mask: 0, ignore: 1 })).toEqual([false, 0]);
    expect(after({ mask: 1, ignore: 1 })).toEqual([false, 0]);
    expect(after({ mask: 1 })).toEqual([true, 0]);
    entry(board, { mask: 0 });
    expect(board.take()).toEqual([imsData(ENTRY)]);
  });

  test('needs the right to write to memory, not MSI-X', () => {
    const board = new Board(DSA_SPR, 'none').powerOn({ msix: false });
    board.setUpIms(ENTRY, null);
    board.device.raiseIms(ENTRY);
    expect(board.take()).toEqual([imsData(ENTRY)]);
    board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
    board.device.raiseIms(ENTRY);
    expect([board.take(), board.device.imsEntry(ENTRY).pending]).toEqual([[], false]);
  });

  test('of an entry there is not is a mistake of the caller', () => {
    const { device } = new Board(DSA_SPR, 'none');
    for (const index of [-1, 2048, Number.NaN]) expect(() => device.raiseIms(index)).toThrow(ModelError);
  });
});

describe('interrupts that no descriptor asked for look at neither Ignore nor PASID', () => {
  const refusing = Msixperm.of({ ignore: 1, pasidEnable: 1, pasid: 9 });
  const causes: Record<string, [number, (board: Board) => void]> = {
    'a command that ended': [INTCAUSE.of({ commandCompletion: 1 }), (board) => void board.command(COMMAND.DRAIN_ALL, 0, true)],
    'a software error': [INTCAUSE.of({ softwareError: 1 }), (board) => {
      board.submit({ opcode: 0xff });
      board.settle();
    }],
    'the Halt state': [INTCAUSE.of({ haltState: 1, softwareError: 1 }), (board) => board.setConfig(PRICTL, PRICTL.of({ enable: 1 }))],
    'handles taken back': [INTCAUSE.of({ handlesRevoked: 1 }), (board) => board.run(board.device.revokeInterruptHandles())],
  };

  test.each(Object.keys(causes))('%s', (what) => {
    const board = boardWith(null, true);
    board.write(GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1, haltInterruptEnable: 1 }));
    board.write(Msixperm, refusing, board.msixperm(0));
    const [cause, make] = causes[what] as [number, (board: Board) => void];
    make(board);
    expect(board.read(INTCAUSE)).toBe(cause);
    expect(new Set(board.take())).toEqual(new Set([msixData(0)]));
  });

  test.each([true, false])('an occupancy below its limit (IMS: %s)', (ims) => {
    const board = new Board().powerOn({ pasids: true });
    board.write(Wqcfg.OccupancyInterrupt, Wqcfg.OccupancyInterrupt.of({ handle: ENTRY, ims: ims ? 1 : 0 }), board.wq(0));
    board.write(Wqcfg.OccupancyLimit, Wqcfg.OccupancyLimit.of({ limit: 1, interruptEnable: 1 }), board.wq(0));
    board.enable();
    permit(board, ims, 9, 1);
    board.submit({ opcode: OPCODE.NOOP });
    board.settle();
    expect(board.take()).toEqual([data(ims)]);
    expect(board.read(INTCAUSE)).toBe(0);
  });
});

describe('permissionCheck', () => {
  /** An engine with one descriptor in hand that stops where `change` comes in: before its completion interrupt. */
  function changedBetween(check: PermissionCheck, ims: boolean, first: number | null, then: number | null): Board {
    const board = new Board(DSA_SPR, 'none', { permissionCheck: check }).powerOn({ pasids: true });
    const [commands, engine] = board.device.engines();
    if (commands === undefined || engine === undefined) throw new Error('a device has engines');
    board.executor.spawn({ name: 'commands', layer: 'hw' }, commands.steps);
    board.memory.write(Number(MOVED.source), new Uint8Array(MOVED.size).fill(0xa5));
    board.enable({ pasid: 7, priv: true });
    permit(board, ims, first);
    board.submit({ ...move(), flags: RCI | CRAV | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD, completionRecord: RECORD }, { ims });
    const until = (what: string) => {
      for (let next = engine.steps.next(); !next.value.what.includes(what); next = engine.steps.next());
    };
    until('descriptor checked');
    permit(board, ims, then);
    until('a descriptor');
    board.settle();
    return board;
  }
  const outcome = (board: Board, ims: boolean) => ({
    status: board.record(RECORD).status, moved: moved(board), sent: board.take().filter((each) => each === data(ims)).length, error: SWERROR0.error.get(board.read(SWERROR0)),
  });
  const whole = { status: SUCCESS, moved: true, sent: 1, error: 0 };

  describe.each([true, false])('IMS: %s', (ims) => {
    test.each([
      ['acceptance', 7, 7, whole],
      ['acceptance', 7, 8, whole],
      ['acceptance', 8, 7, { status: INTERRUPT_HANDLE, moved: false, sent: 0, error: INTERRUPT_HANDLE }],
      ['acceptance', null, 7, { status: INTERRUPT_HANDLE, moved: false, sent: 0, error: INTERRUPT_HANDLE }],
      ['generation', 7, 7, whole],
      ['generation', 7, 8, { ...whole, sent: 0, error: INTERRUPT_HANDLE }],
      ['generation', 7, null, { ...whole, sent: 0, error: INTERRUPT_HANDLE }],
      ['generation', 8, 7, whole],
      ['generation', 8, 8, { ...whole, sent: 0, error: INTERRUPT_HANDLE }],
    ] as const)('at %s: the entry has PASID %s when the descriptor is checked and %s when it interrupts', (check, first, then, expected) => {
      expect(outcome(changedBetween(check, ims, first, then), ims)).toEqual(expected);
    });
  });

  test.each(possible)('at generation the same cases pass, and a failing one costs the interrupt only: %s', (_name, { ims, limited, dedicated, entry, queue, passes }) => {
    const board = boardWith(queue, dedicated, 'generation');
    permit(board, ims, entry);
    expect(perform(board, dedicated, queue, move(), { ims, limited }).status).toBe(SUCCESS);
    expect([moved(board), board.take(), SWERROR0.error.get(board.read(SWERROR0))]).toEqual([true, passes ? [data(ims)] : [], passes ? 0 : INTERRUPT_HANDLE]);
  });

  test('a handle that names no entry is refused at acceptance either way', () => {
    const board = boardWith(null, true, 'generation');
    expect(board.perform(move(4000), { ims: true }).status).toBe(INTERRUPT_HANDLE);
    expect([moved(board), board.take()]).toEqual([false, []]);
  });

  test('privilege is no part of it: an unprivileged descriptor where users may ask compares alike', () => {
    for (const priv of [true, false]) {
      const board = new Board().powerOn({ pasids: true });
      board.setConfig(PASIDCTL, PASIDCTL.of({ enable: 1, privilegedEnable: 1 }));
      board.run(board.device.bar0.write(0x80, 4, 0x1060));
      board.enable({ pasid: 7, priv });
      for (const pasid of [7, 8]) {
        permit(board, true, pasid);
        expect([priv, pasid, board.perform(move(), { ims: true }).status]).toEqual([priv, pasid, pasid === 7 ? SUCCESS : INTERRUPT_HANDLE]);
      }
    }
  });
});
