// The device's agents and a CPU in random orders: what drains, aborts and resets promise must hold in each of them.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { Point, Steps } from '@siov/base';
import {
  CMD, CMDSTATUS, COMMAND, command, DESCRIPTOR_FLAG as F, DEVICE_STATE, DSA_SPR, encodeDescriptor, GENSTS, ImsEntry, INTCAUSE, MSGCTL, OPCODE, PCICMD, portalOffset, SWERROR0,
} from '@siov/datasheet';
import { Board, imsData, msixData } from './board.ts';

/** Somebody who steps, and what he waits for: he keeps it from one scheduler to the next. */
interface Runner {
  readonly steps: Steps<unknown>;
  waiting: Point | undefined;
  done: boolean;
}

function runner(steps: Steps<unknown>): Runner {
  return { steps, waiting: undefined, done: false };
}

/** Steps one of those that can go on, chosen by `choices`, until the CPU is done and nobody can. */
class Scheduler {
  readonly #runners: Runner[];
  readonly #choices: readonly number[];
  #turn = 0;

  constructor(choices: readonly number[], runners: readonly Runner[]) {
    this.#choices = choices;
    this.#runners = [...runners];
  }

  run(after: () => void = () => undefined): void {
    for (let count = 0; count < 5000; count++) {
      const ready = this.#runners.filter(({ done, waiting }) => !done && (waiting?.ready?.() ?? true));
      if (ready.length === 0) return;
      const chosen = ready[(this.#choices[this.#turn++ % this.#choices.length] ?? 0) % ready.length] as Runner;
      const next = chosen.steps.next();
      if (next.done) chosen.done = true;
      else chosen.waiting = next.value;
      after();
    }
    throw new Error('nobody comes to rest');
  }
}

const choices = fc.array(fc.nat(11), { minLength: 1, maxLength: 60 });
const RECORDS = 0x40000n;
const record = (index: number) => RECORDS + BigInt(32 * index);
const COUNT = 5;

/** Two engines, queue 0 and 1 in one group; descriptor n interrupts through IMS entry n. Memory moves of two pages. */
function running(pasids: readonly (number | null)[] = [null, null]) {
  const board = new Board(DSA_SPR, 'none').powerOn({ pasids: true });
  const [commands, ...engines] = board.device.engines().map(({ steps }) => runner(steps)) as [Runner, ...Runner[]];
  for (const wq of [0, 1]) board.configureWq(wq, { pasid: pasids[wq] ?? null, priv: true });
  board.configureGroup(0, [0, 1], [0, 1]);
  for (let entry = 0; entry < 2 * COUNT; entry++) board.setUpIms(entry, pasids[Math.floor(entry / COUNT)] ?? null);
  for (const [code, operand] of [[COMMAND.ENABLE_DEVICE, 0], [COMMAND.ENABLE_WQ, 0], [COMMAND.ENABLE_WQ, 1]] as const) {
    board.write(CMD, command(code, operand, false));
    new Scheduler([0], [commands]).run();
    expect(board.read(CMDSTATUS)).toBe(0);
  }
  return { board, agents: [commands, ...engines] };
}

const fields = (index: number, opcode: number = OPCODE.MEMMOVE) => ({
  opcode,
  flags: F.COMPLETION_RECORD_ADDRESS_VALID | F.REQUEST_COMPLETION_RECORD | F.REQUEST_COMPLETION_INTERRUPT,
  completionRecord: record(index),
  interruptHandle: index,
  ...(opcode === OPCODE.MEMMOVE ? { source: 0x10000n, destination: 0x20000n, size: 8192 } : {}),
});

const access = { kind: 'register', what: 'access' } as const;

/** The CPU: submits, then gives a command and polls until it is done. */
function* program(board: Board, code: Parameters<typeof command>[0], operand: number, seen: () => void): Steps<void> {
  for (let index = 0; index < 2 * COUNT; index++) {
    yield access;
    const offset = portalOffset({ wq: Math.floor(index / COUNT), limited: true, ims: true });
    yield* board.device.portals.submit(offset, encodeDescriptor(fields(index)));
  }
  yield access;
  yield* board.device.bar0.write(CMD.offset, 4, command(code, operand));
  yield { kind: 'wait', what: 'command', ready: () => board.messages.some(({ data }) => data === msixData(0)) };
  expect(yield* board.device.bar0.read(CMDSTATUS.offset, 4)).toBe(0);
  seen();
}

const written = (board: Board) => Array.from({ length: 2 * COUNT }, (_each, index) => board.record(record(index)).status === 1);
const interrupted = (board: Board) => Array.from({ length: 2 * COUNT }, (_each, index) => board.messages.filter(({ data }) => data === imsData(index)).length);

/** Runs a program in the order of `order` and says what was there when it saw its command done, and in the end. */
function outcome(order: readonly number[], code: Parameters<typeof command>[0], operand: number) {
  const { board, agents } = running();
  let atStatus = { written: [] as boolean[], interrupted: [] as number[] };
  let statusAtInterrupt: number | undefined;
  const push = board.messages.push.bind(board.messages);
  board.messages.push = (...each) => {
    if (each[0]?.data === msixData(0)) statusAtInterrupt = board.read(CMDSTATUS);
    return push(...each);
  };
  const seen = () => {
    atStatus = { written: written(board), interrupted: interrupted(board) };
  };
  new Scheduler(order, [runner(program(board, code, operand, seen)), ...agents]).run();
  return { board, atStatus, statusAtInterrupt, atEnd: { written: written(board), interrupted: interrupted(board) } };
}

const first = (count: number) => Array.from({ length: 2 * COUNT }, (_each, index) => index < count);

describe('in every order', () => {
  test('a command’s status is final before its interrupt', () => {
    fc.assert(fc.property(choices, (order) => {
      expect(outcome(order, COMMAND.DRAIN_ALL, 0).statusAtInterrupt).toBe(0);
    }), { numRuns: 30 });
  });

  test.each([['Drain All', COMMAND.DRAIN_ALL, 0, 10], ['Drain WQ of queue 0', COMMAND.DRAIN_WQ, 1, 5], ['Disable WQ of queue 0', COMMAND.DISABLE_WQ, 1, 5], ['Disable Device', COMMAND.DISABLE_DEVICE, 0, 10], ['Drain PASID', COMMAND.DRAIN_PASID, 3, 10]] as const)(
    '%s ends when records and interrupts of what came before it are out',
    (_name, code, operand, count) => {
      fc.assert(fc.property(choices, (order) => {
        const { atStatus, atEnd } = outcome(order, code, operand);
        for (const [index, expected] of first(count).entries()) {
          if (expected) expect([index, atStatus.written[index], atStatus.interrupted[index]]).toEqual([index, true, 1]);
        }
        expect(atEnd.written).toEqual(first(10));
        expect(atEnd.interrupted.every((times) => times === 1)).toBe(true);
      }), { numRuns: 30 });
    },
  );

  test.each([['Abort All', COMMAND.ABORT_ALL, 0, 10], ['Abort WQ of queue 0', COMMAND.ABORT_WQ, 1, 5], ['Reset WQ of queue 0', COMMAND.RESET_WQ, 1, 5], ['Reset Device', COMMAND.RESET_DEVICE, 0, 10]] as const)(
    '%s leaves each descriptor whole or untold, and nothing of it comes later',
    (_name, code, operand, count) => {
      fc.assert(fc.property(choices, (order) => {
        const { atStatus, atEnd } = outcome(order, code, operand);
        for (const [index, affected] of first(count).entries()) {
          expect([index, atEnd.interrupted[index]]).toEqual([index, atEnd.written[index] === true ? 1 : 0]);
          if (affected) expect([index, atStatus.written[index], atStatus.interrupted[index]]).toEqual([index, atEnd.written[index], atEnd.interrupted[index]]);
          else if (!affected) expect(atEnd.written[index]).toBe(true);
        }
      }), { numRuns: 30 });
    },
  );

  test('Abort PASID spares the other PASID', () => {
    fc.assert(fc.property(choices, (order) => {
      const { board, agents } = running([5, 6]);
      new Scheduler(order, [runner(program(board, COMMAND.ABORT_PASID, 5, () => undefined)), ...agents]).run();
      expect(written(board).slice(COUNT)).toEqual(first(10).slice(COUNT));
    }), { numRuns: 30 });
  });

  test('once a function level reset has returned nothing reaches memory, the host or a register', () => {
    fc.assert(fc.property(choices, fc.constantFrom(COMMAND.DRAIN_ALL, COMMAND.ENABLE_DEVICE, COMMAND.RESET_DEVICE), (order, code) => {
      const { board, agents } = running();
      const refused = { ...fields(1), interruptHandle: 4000 };
      const kinds = [refused, fields(0), { opcode: 0xff }];
      let before = [-1, -1];
      let ended = false;
      const reset = function* (): Steps<void> {
        for (let index = 0; index < COUNT; index++) {
          yield access;
          yield* board.device.portals.submit(portalOffset({ wq: 0, limited: true, ims: true }), encodeDescriptor(kinds[index % 3] ?? {}));
        }
        yield access;
        yield* board.device.bar0.write(CMD.offset, 4, command(code));
        for (let count = 0; count < 8; count++) yield access;
        yield* board.device.functionLevelReset();
        before = [board.accesses.length, board.messages.length];
        ended = true;
      };
      new Scheduler(order, [runner(reset()), ...agents]).run();
      expect(ended).toBe(true);
      expect([board.accesses.length, board.messages.length]).toEqual(before);
      expect([board.device.idle, board.config(MSGCTL)]).toEqual([true, 8]);
      board.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1 }));
      expect([board.read(CMDSTATUS), board.read(INTCAUSE), board.read(SWERROR0), board.read(GENSTS)]).toEqual([0, 0, 0n, 0]);
      for (let entry = 0; entry < COUNT; entry++) expect(board.device.imsEntry(entry)).toMatchObject({ mask: true, pending: false });
    }), { numRuns: 60 });
  });

  test('a device that lost bus master neither reads nor writes memory from then on', () => {
    fc.assert(fc.property(choices, (order) => {
      const { board, agents } = running();
      for (let index = 0; index < COUNT; index++) board.submit(fields(index), { wq: 0, ims: true });
      let before = -1;
      const halt = function* (): Steps<void> {
        for (let count = 0; count < 10; count++) yield access;
        yield* board.device.config.write(PCICMD.offset, 2, PCICMD.of({ memorySpaceEnable: 1 }));
        before = board.accesses.length + board.messages.length;
      };
      new Scheduler(order, [runner(halt()), ...agents]).run();
      expect(board.accesses.length + board.messages.length).toBe(before);
      expect(board.device.deviceState).toBe(DEVICE_STATE.HALT);
    }), { numRuns: 60 });
  });

  test('a Drain descriptor completes after all that its queue took before it, also two of them on two engines', () => {
    fc.assert(fc.property(choices, (order) => {
      const { board, agents } = running();
      const kinds = [OPCODE.MEMMOVE, OPCODE.MEMMOVE, OPCODE.DRAIN, OPCODE.DRAIN, OPCODE.MEMMOVE, OPCODE.DRAIN];
      for (const [index, opcode] of kinds.entries()) board.submit(fields(index, opcode), { wq: 0, ims: true });
      new Scheduler(order, agents).run(() => {
        for (const drain of [2, 3, 5]) {
          if (board.record(record(drain)).status === 0) continue;
          for (let index = 0; index < drain; index++) {
            expect([index, board.record(record(index)).status, board.messages.some(({ data }) => data === imsData(index))]).toEqual([index, 1, true]);
          }
        }
      });
      expect(interrupted(board).slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1]);
    }), { numRuns: 60 });
  });

  test('an entry masked while descriptors complete loses no interrupt and sends none while it is masked', () => {
    fc.assert(fc.property(choices, (order) => {
      const { board, agents } = running();
      const masker = function* (): Steps<void> {
        for (let round = 0; round < 4; round++) {
          for (const mask of [1, 0] as const) {
            yield access;
            yield* board.device.bar0.write(board.ims(0) + ImsEntry.Control.offset, 4, ImsEntry.Control.of({ mask }));
          }
        }
      };
      for (let index = 0; index < 3; index++) board.submit({ ...fields(index), interruptHandle: 0 }, { wq: 0, ims: true });
      let sent = 0;
      new Scheduler(order, [runner(masker()), ...agents]).run(() => {
        if (board.messages.length > sent) expect(board.device.imsEntry(0).mask).toBe(false);
        sent = board.messages.length;
      });
      expect(board.device.imsEntry(0)).toMatchObject({ mask: false, pending: false });
      // Events that met a pending bit are one interrupt; the last one is never lost.
      expect(sent >= 1 && sent <= 3).toBe(true);
    }), { numRuns: 60 });
  });

  test('what was permitted before execution is not asked again: the interrupt goes out by the entry as it is then', () => {
    fc.assert(fc.property(choices, (order) => {
      const { board, agents } = running([5, 6]);
      const changer = function* (): Steps<void> {
        for (let count = 0; count < 6; count++) yield access;
        yield* board.device.bar0.write(board.ims(0) + ImsEntry.Control.offset, 4, ImsEntry.Control.of({ mask: 0, pasidEnable: 1, pasid: 9 }));
        yield* board.device.bar0.write(board.ims(0) + ImsEntry.Data.offset, 4, 0xbeef);
      };
      board.submit(fields(0), { wq: 0, ims: true });
      new Scheduler(order, [runner(changer()), ...agents]).run();
      const { status } = board.record(record(0));
      const sent = board.messages.map(({ data }) => data);
      if (status === 0x19) expect(sent).toEqual([]);
      else expect([[imsData(0)], [0xbeef]]).toContainEqual(sent);
    }), { numRuns: 60 });
  });
});
