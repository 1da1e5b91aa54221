// The event log as a ring: full, waited for, told of, reset, and written by two engines at once (DSA spec 3.0 §5.9).
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { Point, Steps } from '@siov/base';
import {
  CMD, COMMAND, command, COMPLETION_STATUS, DEVICE_STATE, DEVSTS, DSA_SPR, EVLSTATUS, GENCTRL, INTCAUSE, Msixperm, PRICTL, SOFTWARE_ERROR, SWERROR0, withEventLog,
} from '@siov/datasheet';
import { msixData } from './board.ts';
import type { Board } from './board.ts';
import { LOG, SIZE, stalling, configured, logging, status, swerror, entry, fail, takeHead, clearPending } from './log-board.ts';

describe('the ring', () => {
  test('full, a device that may lose entries does, and says so in SWERROR', () => {
    const board = logging();
    fail(board, 70);
    expect([status(board), swerror(board)]).toMatchObject([{ head: 0, tail: 63 }, { valid: 1, overflow: 1, error: SOFTWARE_ERROR.EVENT_LOG_FULL, descriptorValid: 0 }]);
    expect([board.device.idle, board.read(INTCAUSE)]).toEqual([true, INTCAUSE.of({ eventLog: 1, softwareError: 1 })]);
  });

  test('full, a device that may not waits until software moves the head', () => {
    const board = logging({ profile: stalling });
    fail(board, 70);
    expect([status(board), swerror(board).valid]).toMatchObject([{ head: 0, tail: 63 }, 0]);
    expect([board.device.inFlight, board.device.occupancy(0)]).toEqual([1, 6]);
    takeHead(board, 5);
    board.settle();
    expect([status(board).tail, board.device.occupancy(0)]).toEqual([4, 1]);
    takeHead(board, 63);
    board.settle();
    expect([status(board).tail, board.device.idle]).toEqual([6, true]);
  });

  test.each([['Abort All', COMMAND.ABORT_ALL, DEVICE_STATE.ENABLED], ['Reset Device', COMMAND.RESET_DEVICE, DEVICE_STATE.DISABLED]] as const)('%s does not wait for room: what has none is lost, with SWERROR', (_name, code, state) => {
    const board = logging({ profile: stalling });
    fail(board, 70);
    expect(board.command(code)).toBe(0);
    expect([board.device.idle, board.device.deviceState, status(board).tail]).toEqual([true, state, 63]);
    expect(swerror(board)).toMatchObject({ error: SOFTWARE_ERROR.EVENT_LOG_FULL, overflow: 0 });
  });

  test('Disable Device waits for room, as everything that is in flight does', () => {
    const board = logging({ profile: stalling });
    fail(board, 64);
    board.write(CMD, command(COMMAND.DISABLE_DEVICE, 0, false));
    board.settle();
    expect(board.device.deviceState).toBe(DEVICE_STATE.DRAINING);
    takeHead(board, 1);
    board.settle();
    expect([board.device.deviceState, status(board).tail]).toEqual([DEVICE_STATE.DISABLED, 0]);
  });

  test.each([['a function level reset', (board: Board) => board.run(board.device.functionLevelReset())], ['Halt', (board: Board) => board.setConfig(PRICTL, PRICTL.of({ enable: 1 }))]])('%s ends the wait for room', (_name, end) => {
    const board = logging({ profile: stalling });
    fail(board, 70);
    const before = board.accesses.length;
    end(board);
    board.settle();
    expect([board.device.inFlight, board.accesses.length]).toEqual([0, before]);
  });

  test('memory that refuses: the entry is lost, with SWERROR, and the tail stays', () => {
    const board = logging();
    board.unmapped.add(LOG >> 12n);
    fail(board);
    expect([status(board).tail, status(board).interruptPending, swerror(board).error]).toEqual([0, 0, SOFTWARE_ERROR.EVENT_LOG_FULL]);
    expect(board.read(INTCAUSE)).toBe(INTCAUSE.of({ softwareError: 1 }));
  });

  test('one interrupt until the pending bit is cleared, and none without GENCTRL', () => {
    const board = logging();
    fail(board, 3);
    expect(board.take()).toEqual([msixData(0)]);
    fail(board);
    expect(board.take()).toEqual([]);
    clearPending(board);
    fail(board);
    expect(board.take()).toEqual([msixData(0)]);
    clearPending(board);
    board.write(INTCAUSE, INTCAUSE.image(0xffffffff));
    board.write(GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1 }));
    fail(board);
    expect([board.take(), board.read(INTCAUSE), status(board).interruptPending]).toEqual([[], 0, 1]);
  });

  test('its interrupt looks at neither Ignore nor PASID of vector 0', () => {
    const board = logging();
    board.write(Msixperm, Msixperm.of({ ignore: 1, pasidEnable: 1, pasid: 9 }), board.msixperm(0));
    fail(board);
    expect(board.take()).toEqual([msixData(0)]);
  });

  test('software writes head and clears pending, the tail is the device’s', () => {
    const board = logging();
    fail(board, 2);
    board.write(EVLSTATUS, EVLSTATUS.image((1n << 64n) - 1n));
    expect(status(board)).toEqual({ head: 0xffff, tail: 2, interruptPending: 0 });
  });

  const event = fc.oneof(
    fc.record({ what: fc.constant('fail' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ what: fc.constant('take' as const), count: fc.integer({ min: 1, max: 63 }) }),
    fc.record({ what: fc.constant('clear' as const), count: fc.constant(0) }),
  );
  test.each([true, false])('under any sequence of errors and of software that takes them, entries come in order and none twice (overflow: %s)', (overflow) => {
    fc.assert(fc.property(fc.array(event, { maxLength: 14 }), (events) => {
      const board = logging({ profile: withEventLog(DSA_SPR, { overflow }) });
      const expected = { held: [] as number[], waiting: [] as number[], head: 0, tail: 0, pending: 0, interrupts: 0 };
      let next = 0;
      const write = () => {
        while (expected.waiting.length > 0 && expected.held.length < SIZE - 1) {
          expected.held.push(expected.waiting.shift() as number);
          expected.tail = (expected.tail + 1) % SIZE;
          if (expected.pending === 0) expected.interrupts += 1;
          expected.pending = 1;
        }
        if (overflow) expected.waiting = [];
      };
      for (const { what, count } of events) {
        if (what === 'fail') {
          for (let each = 0; each < count && expected.waiting.length < 90; each++, next++) {
            const opcode = 0x30 + (next % 0xc0);
            board.submit({ opcode });
            expected.waiting.push(opcode);
          }
        } else if (what === 'take') {
          const taken = Math.min(count, expected.held.length);
          expected.held.splice(0, taken);
          expected.head = (expected.head + taken) % SIZE;
          takeHead(board, expected.head);
        } else {
          clearPending(board);
          expected.pending = 0;
        }
        write();
        board.settle();
        expect(status(board)).toEqual({ head: expected.head, tail: expected.tail, interruptPending: expected.pending });
        expect(expected.held.map((_each, index) => entry(board, (expected.head + index) % SIZE).operation)).toEqual(expected.held);
        board.write(SWERROR0, SWERROR0.of({ valid: 1, overflow: 1 }));
      }
      expect(board.messages.length).toBeGreaterThanOrEqual(expected.interrupts);
      if (!overflow) expect(board.messages.length).toBe(expected.interrupts);
    }), { numRuns: 40 });
  });
});

test('a function level reset waits for an entry that no engine writes', () => {
  const board = configured({ agents: 'none' });
  const commands = board.device.engines()[0]?.steps;
  const until = (what: string) => {
    for (let next = commands?.next(); next?.value.what !== what; next = commands?.next());
  };
  until('command unit: a command');
  for (const times of [1, 2]) {
    for (let count = 0; count < times; count++) board.write(CMD, command(COMMAND.ENABLE_DEVICE, 0, false));
    until(times === 1 ? 'command unit: a command' : 'DMA answered');
  }
  expect(board.config(DEVSTS)).toBe(DEVSTS.of({ transactionsPending: 1 }));
  const reset = board.device.functionLevelReset();
  const waiting = reset.next().value;
  expect(waiting?.ready?.()).toBe(false);
  until('command unit: a command');
  expect([waiting?.ready?.(), reset.next().done, board.outstanding, board.config(DEVSTS)]).toEqual([true, true, 0, 0]);
});

describe('in every order', () => {
  const RECORDS = 12;

  /** Two engines with failing descriptors and a CPU, in the order of `choices`, until all rest. */
  function interleave(choices: readonly number[], cpu: (board: Board) => Steps<void>, after: (board: Board) => void): Board {
    const board = configured({ agents: 'none' });
    const [commands, ...engines] = board.device.engines().map(({ steps }) => ({ steps: steps as Steps<unknown>, waiting: undefined as Point | undefined, done: false }));
    if (commands === undefined) throw new Error('a device has a command unit');
    const settle = (agents: (typeof commands)[], then: () => void) => {
      for (let turn = 0; turn < 5000; turn++) {
        const ready = agents.filter(({ done, waiting }) => !done && (waiting?.ready?.() ?? true));
        const chosen = ready[(choices[turn % choices.length] ?? 0) % ready.length];
        if (chosen === undefined) return;
        const next = chosen.steps.next();
        if (next.done === true) chosen.done = true;
        else chosen.waiting = next.value;
        then();
      }
      throw new Error('nobody comes to rest');
    };
    board.configureWq(0);
    board.configureGroup(0, [0], [0, 1]);
    for (const code of [COMMAND.ENABLE_DEVICE, COMMAND.ENABLE_WQ] as const) {
      board.write(CMD, command(code, 0, false));
      settle([commands], () => undefined);
    }
    for (let index = 0; index < RECORDS; index++) board.submit({ opcode: 0x30 + index });
    settle([{ steps: cpu(board), waiting: undefined, done: false }, commands, ...engines.slice(0, 2)], () => after(board));
    return board;
  }
  const choices = fc.array(fc.nat(7), { minLength: 1, maxLength: 60 });
  const nothing = function* (): Steps<void> {};
  const access = { kind: 'register', what: 'access' } as const;

  test('an entry is in memory before the tail says so, and each error is there once', () => {
    fc.assert(fc.property(choices, (order) => {
      const board = interleave(order, nothing, (each) => {
        const { tail } = status(each);
        for (let index = 0; index < tail; index++) expect(entry(each, index).error).toBe(COMPLETION_STATUS.UNSUPPORTED_OPERATION);
      });
      const operations = Array.from({ length: status(board).tail }, (_each, index) => entry(board, index).operation);
      expect(operations.sort((a, b) => a - b)).toEqual(Array.from({ length: RECORDS }, (_each, index) => 0x30 + index));
    }), { numRuns: 60 });
  });

  test('once a function level reset has returned the log is not written any more', () => {
    fc.assert(fc.property(choices, fc.nat(30), fc.boolean(), (order, delay, overlap) => {
      let atReturn = -1;
      const board = interleave(order, function* (each): Steps<void> {
        // One that ends at once with an error, so that the lost write behind it is soon told.
        if (overlap) for (let count = 0; count < 2; count++) yield* each.device.bar0.write(CMD.offset, 4, command(COMMAND.ENABLE_WQ, 0, false));
        for (let count = 0; count < delay; count++) yield access;
        yield* each.device.functionLevelReset();
        atReturn = each.accesses.length;
        expect(each.outstanding).toBe(0);
      }, () => undefined);
      expect(board.accesses.length).toBe(atReturn);
      board.powerOn();
      expect([board.read(EVLSTATUS), board.read(INTCAUSE), board.device.idle]).toEqual([0n, 0, true]);
    }), { numRuns: 80 });
  });
});
