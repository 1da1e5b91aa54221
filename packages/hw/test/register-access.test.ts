// Every byte of BAR0 and of config space, against a reference that knows bits and nothing of words or registers.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import type { AccessPort } from '@siov/base';
import {
  bar0Windows, BAR0, CMD, CMDSTATUS, COMMAND, configWindows, DEVCTL, DSA_SMALL, DSA_SPR, GENCAP, GENCFG, GENCTRL, GRPCAP, Grpcfg, ImsEntry, INTCAUSE, layoutOf, MSGCTL,
  PCICMD, PRICTL, ROM, VERSION, Wqcfg, MsixEntry,
} from '@siov/datasheet';
import type { RegisterWindow } from '@siov/datasheet';
import { Board } from './board.ts';

type BitRule = 'none' | 'ro' | 'rw' | 'rw1c' | 'wo';

/** The rule of every bit of a space, and what a write makes of a bit. */
class BitModel {
  readonly rules: BitRule[];
  readonly held: Uint8Array;

  constructor(size: number, windows: readonly RegisterWindow[], open: (gate: string, offset: number) => boolean) {
    this.rules = Array.from({ length: size * 8 }, () => 'none' as const);
    this.held = new Uint8Array(size * 8);
    for (const { offset, stride, count, registers } of windows) {
      for (let index = 0; index < count; index++) {
        for (const { at, register } of registers) {
          for (const { hi, lo, access } of register.fields) {
            const first = (offset + index * stride + at) * 8;
            const rule = access.startsWith('rw:') ? (open(access.slice(3), offset + index * stride + at) ? 'rw' : 'ro') : (access as BitRule);
            for (let bit = lo; bit <= hi; bit++) this.rules[first + bit] = rule;
          }
        }
      }
    }
  }

  write(offset: number, size: number, value: bigint): void {
    for (let bit = 0; bit < size * 8; bit++) {
      const at = offset * 8 + bit;
      const written = (value >> BigInt(bit)) & 1n;
      if (this.rules[at] === 'rw') this.held[at] = Number(written);
      if (this.rules[at] === 'rw1c' && written === 1n) this.held[at] = 0;
    }
  }

  read(offset: number, size: number): bigint {
    let value = 0n;
    for (let bit = size * 8 - 1; bit >= 0; bit--) value = (value << 1n) | BigInt(this.held[offset * 8 + bit] ?? 0);
    return value;
  }

  load(offset: number, byte: number): void {
    for (let bit = 0; bit < 8; bit++) this.held[offset * 8 + bit] = (byte >>> bit) & 1;
  }
}

interface AccessOf { readonly write: boolean; readonly offset: number; readonly size: 1 | 2 | 4 | 8; readonly value: bigint }

/** Mostly where something is declared. */
function accesses(size: number, windows: readonly RegisterWindow[], allowed: (offset: number) => boolean) {
  const declared = windows.flatMap(({ offset, stride, count, registers }) =>
    registers.flatMap(({ at, register }) => [0, count - 1].map((index) => ({ start: offset + index * stride + at, bytes: register.width / 8 }))),
  );
  const place = fc.oneof(
    { weight: 9, arbitrary: fc.tuple(fc.constantFrom(...declared), fc.nat(7)).map(([{ start, bytes }, byte]) => start + (byte % bytes)) },
    { weight: 1, arbitrary: fc.nat(size - 1) },
  );
  return fc
    .record({ write: fc.boolean(), place, size: fc.constantFrom(1, 2, 4, 8), value: fc.bigInt(0n, (1n << 64n) - 1n) })
    .map(({ write, place, size, value }): AccessOf => ({ write, offset: place - (place % size), size, value: BigInt.asUintN(size * 8, value) }))
    .filter(({ offset, size, write }) => !write || Array.from({ length: size }, (_each, byte) => offset + byte).every(allowed));
}

function perform(board: Board, port: AccessPort, model: BitModel, { write, offset, size, value }: AccessOf): void {
  if (write) {
    model.write(offset, size, value);
    board.run(size === 8 ? port.write64(offset, value) : port.write(offset, size, Number(value)));
  }
  const read = board.run<bigint | number>(size === 8 ? port.read64(offset) : port.read(offset, size));
  expect({ offset, size, read: BigInt(read) }).toEqual({ offset, size, read: model.read(offset, size) });
}

/** The model of a board as it is now. */
function modelOf(board: Board, port: AccessPort, size: number, windows: readonly RegisterWindow[], open: (gate: string, offset: number) => boolean): BitModel {
  const model = new BitModel(size, windows, open);
  for (let word = 0; word < size; word += 4) {
    const value = board.run(port.read(word, 4));
    for (let byte = 0; byte < 4; byte++) model.load(word + byte, (value >>> (8 * byte)) & 0xff);
  }
  return model;
}

const inRange = (offset: number, start: number, length: number) => offset >= start && offset < start + length;

describe('BAR0', () => {
  // Left out: CMD (starts something), IMS addresses (filtered) and the occupancy enable (gates its own word): each has tests of its own.
  const plain = (profile: typeof DSA_SPR) => (offset: number) => {
    const { offsets, wqcfgSize, imsEntries, wqs } = layoutOf(profile);
    if (inRange(offset, CMD.offset, 4)) return false;
    if (inRange(offset, offsets.ims, imsEntries * 16) && (offset - offsets.ims) % 16 < 8) return false;
    return !(inRange(offset, offsets.wqcfg, wqs * wqcfgSize) && (offset - offsets.wqcfg) % wqcfgSize >= Wqcfg.OccupancyLimit.offset && (offset - offsets.wqcfg) % wqcfgSize < Wqcfg.Status.offset);
  };

  test.each([DSA_SPR, DSA_SMALL])('$name, device Disabled: aligned accesses of every size follow the access rules bit by bit', (profile) => {
    const windows = bar0Windows(profile);
    fc.assert(fc.property(fc.array(accesses(profile.bar0Size, windows, plain(profile)), { maxLength: 40 }), (list) => {
      const board = new Board(profile, 'none').powerOn();
      const model = modelOf(board, board.device.bar0, profile.bar0Size, windows, () => true);
      for (const access of list) perform(board, board.device.bar0, model, access);
    }), { numRuns: 12 });
  });

  test('device and queue 0 Enabled: groups, sizes and that queue are fixed, everything else still follows its rules', () => {
    const windows = bar0Windows(DSA_SMALL);
    const { offsets, wqcfgSize } = layoutOf(DSA_SMALL);
    const open = (gate: string, offset: number) => gate === 'occupancy-interrupt-disabled' || (gate === 'wq-disabled' && !inRange(offset, offsets.wqcfg, wqcfgSize));
    fc.assert(fc.property(fc.array(accesses(DSA_SMALL.bar0Size, windows, plain(DSA_SMALL)), { maxLength: 40 }), (list) => {
      const board = new Board(DSA_SMALL).powerOn().enable();
      const model = modelOf(board, board.device.bar0, DSA_SMALL.bar0Size, windows, open);
      for (const access of list) perform(board, board.device.bar0, model, access);
    }), { numRuns: 12 });
  });

  test('accesses that are not aligned, and those beyond the end, read 0 and change nothing', () => {
    const board = new Board().powerOn();
    expect(board.run(board.device.bar0.read(0x12, 4))).toBe(0);
    expect(board.run(board.device.bar0.read(DSA_SPR.bar0Size, 4))).toBe(0);
    board.run(board.device.bar0.write(GENCTRL.offset + 2, 4, 7));
    board.run(board.device.bar0.write64(GENCTRL.offset + 4, 7n));
    expect(board.read(GENCTRL)).toBe(0);
  });

  test('undefined offsets read 0', () => {
    const board = new Board().powerOn();
    for (const offset of [0x04, 0x18, 0x2c, 0xe0, 0x100, 0x1000, 0xf000]) expect(board.run(board.device.bar0.read(offset, 4))).toBe(0);
  });

  test('without memory space enable nobody answers: all ones, and writes are lost', () => {
    const board = new Board();
    expect(board.read(VERSION)).toBe(0xffffffff);
    board.write(GENCTRL, GENCTRL.image(7));
    board.powerOn();
    expect(board.read(GENCTRL)).toBe(0);
    expect(board.read(VERSION)).toBe(0x100);
    expect(board.read(GENCAP)).toBe(0x40_915f0107n);
  });

  test('reset values that depend on the device', () => {
    const board = new Board().powerOn();
    expect(board.read(GENCFG)).toBe(0x60);
    expect(board.read(Grpcfg.Flags, board.group(3))).toBe(0x06000000n);
    expect(board.read(GRPCAP)).toBe(0x36004n);
    expect(board.run(board.device.bar0.read64(board.ims(2047)))).toBe(0xfee00000n);
    expect(board.run(board.device.bar0.read64(board.ims(2047) + 8))).toBe(0x1_00000000n);
    expect(board.read(MsixEntry.Control, board.profile.msix.table + 16 * 4)).toBe(0);
  });

  test('a part of CMD is no command; 64 bits that contain it are one', () => {
    const board = new Board().powerOn();
    board.run(board.device.bar0.write(CMD.offset, 2, 0xffff));
    board.run(board.device.bar0.write(CMD.offset + 3, 1, 0x80));
    board.settle();
    expect([board.read(CMDSTATUS), board.read(INTCAUSE)]).toEqual([0, 0]);
    board.run(board.device.bar0.write64(CMD.offset, 0x80300000n));
    board.settle();
    expect(board.read(INTCAUSE)).toBe(2);
    expect(board.read(CMD)).toBe(0);
  });
});

describe('IMS address', () => {
  const address = (board: Board) => board.run(board.device.bar0.read64(board.ims(3)));

  test('only addresses in the interrupt window are taken, whatever part is written', () => {
    fc.assert(fc.property(fc.array(fc.record({
      at: fc.constantFrom(0, 4), whole: fc.boolean(),
      hi: fc.constantFrom(0, 0, 1), lo: fc.oneof(fc.nat(0xfffff).map((low) => 0xfee00000 + low), fc.nat(0xffffffff)),
    }), { maxLength: 12 }), (writes) => {
      const board = new Board(DSA_SMALL, 'none').powerOn();
      let expected = 0xfee00000n;
      for (const { at, whole, hi, lo } of writes) {
        const next = whole ? (BigInt(hi) << 32n) | BigInt(lo) : at === 0 ? (expected & ~0xffffffffn) | BigInt(lo) : (expected & 0xffffffffn) | (BigInt(hi) << 32n);
        if (next >> 20n === 0xfeen) expected = next & ~3n;
        board.run(whole ? board.device.bar0.write64(board.ims(3), next) : board.device.bar0.write(board.ims(3) + at, 4, at === 0 ? lo : hi));
        expect(address(board)).toBe(expected);
      }
    }), { numRuns: 40 });
  });

  test('the halves one after the other, as the Linux irqchip writes them, with a remappable address', () => {
    const board = new Board().powerOn();
    board.write(ImsEntry.AddressLo, ImsEntry.AddressLo.image(0xfee00ff8), board.ims(3));
    board.write(ImsEntry.AddressHi, ImsEntry.AddressHi.image(0), board.ims(3));
    expect(address(board)).toBe(0xfee00ff8n);
  });
});

describe('occupancy limit', () => {
  test('it can be written while its interrupt is not enabled only', () => {
    const board = new Board(DSA_SPR, 'none').powerOn();
    board.write(Wqcfg.OccupancyLimit, Wqcfg.OccupancyLimit.of({ limit: 5, interruptEnable: 1 }), board.wq(1));
    board.write(Wqcfg.OccupancyLimit, Wqcfg.OccupancyLimit.of({ limit: 9, interruptEnable: 0 }), board.wq(1));
    expect(board.read(Wqcfg.OccupancyLimit, board.wq(1))).toBe(5);
    board.write(Wqcfg.OccupancyLimit, Wqcfg.OccupancyLimit.of({ limit: 9, interruptEnable: 0 }), board.wq(1));
    expect(board.read(Wqcfg.OccupancyLimit, board.wq(1))).toBe(9);
  });
});

describe('config space', () => {
  // Left out: BARs (sized) and the register that resets the function.
  const plain = (offset: number) => !inRange(offset, BAR0.offset, 16) && !inRange(offset, DEVCTL.offset, 2) && !inRange(offset, PRICTL.offset, 2);

  test('aligned accesses of every size follow the access rules bit by bit', () => {
    const windows = configWindows();
    fc.assert(fc.property(fc.array(accesses(4096, windows, plain), { maxLength: 40 }), (list) => {
      const board = new Board(DSA_SPR, 'none');
      const model = modelOf(board, board.device.config, 4096, windows, () => true);
      for (const access of list) perform(board, board.device.config, model, access);
    }), { numRuns: 12 });
  });

  test('BARs keep the bits below their size 0', () => {
    const board = new Board(DSA_SPR, 'none');
    const size = (offset: number) => {
      board.run(board.device.config.write64(offset, (1n << 64n) - 1n));
      return board.run(board.device.config.read64(offset));
    };
    expect(size(0x10)).toBe(0xffffffff_ffff000cn);
    expect(size(0x18)).toBe(0xffffffff_fffe000cn);
    board.run(board.device.config.write64(0x10, 0x00000038_fee1f000n));
    expect(board.run(board.device.config.read64(0x10))).toBe(0x00000038_fee1000cn);
  });

  test('identity, MSI-X size, and no expansion ROM', () => {
    const board = new Board(DSA_SPR, 'none');
    expect(board.run(board.device.config.read(0, 4))).toBe(0x0b258086);
    expect(board.config(MSGCTL)).toBe(8);
    expect(board.run(board.device.config.read(0x84, 4))).toBe(0x2000);
    expect(board.run(board.device.config.read(0x88, 4))).toBe(0x3000);
    board.setConfig(ROM, ROM.image(0xfffff800));
    expect(board.config(ROM)).toBe(0);
  });

  test('power states below D0 take the BARs away and bring them back as they were', () => {
    const board = new Board(DSA_SPR).powerOn();
    board.write(GENCTRL, GENCTRL.image(3));
    board.run(board.device.config.write(0x94, 2, 3));
    expect(board.read(GENCTRL)).toBe(0xffffffff);
    board.run(board.device.config.write(0x94, 2, 0));
    expect(board.read(GENCTRL)).toBe(3);
    expect(board.config(PCICMD)).toBe(6);
    expect(board.command(COMMAND.DRAIN_ALL)).toBe(0);
  });
});
