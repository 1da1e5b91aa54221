// What the stock Linux driver does to the device, access by access: probe, configuration, enabling, disabling, removal.
import { describe, expect, test } from 'vitest';
import {
  CMD, CMDSTATUS, COMMAND_ERROR, DESCRIPTOR_FLAG, DSA_SMALL, DSA_SPR, encodeDescriptor, GENCTRL, GENSTS, INTCAUSE, layoutOf, MsixEntry, Msixperm, OPCODE, SWERROR0, Wqcfg,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { Board, msixData } from './board.ts';

/** The driver's register access, and its interrupt thread: called where it would have slept. */
class Driver {
  readonly board: Board;
  readonly causes: number[] = [];

  constructor(profile: DsaProfile) {
    this.board = new Board(profile);
    this.board.powerOn({ msix: false });
  }

  r32 = (offset: number) => this.board.run(this.board.device.bar0.read(offset, 4));
  w32 = (offset: number, value: number) => this.board.run(this.board.device.bar0.write(offset, 4, value >>> 0));
  r64 = (offset: number) => this.board.run(this.board.device.bar0.read64(offset));
  w64 = (offset: number, value: bigint) => this.board.run(this.board.device.bar0.write64(offset, value));

  probe(): void {
    expect(this.r32(0x90) & 3).not.toBe(3);
    this.w32(0xa0, 0x00500000);
    while (this.r32(0xa8) >>> 31 !== 0) this.board.settle();
    expect(this.r32(0x98)).toBe(0);
    this.board.powerOn();
    this.w32(0x88, this.r32(0x88) | 3);
    expect(this.board.take()).toEqual([]);
  }

  command(code: number, operand = 0): number {
    this.w32(0xa0, 0x80000000 + (code << 20) + operand);
    this.board.settle();
    expect(this.board.take()).toEqual([msixData(0)]);
    this.misc();
    return this.r32(0xa8);
  }

  misc(): void {
    for (let cause = this.r32(0x98); cause !== 0; cause = this.r32(0x98)) {
      this.w32(0x98, cause);
      this.causes.push(cause);
      if ((cause & 1) !== 0) this.w64(0xc0, this.r64(0xc0) & 3n);
    }
  }

  /** Writes the driver's idea over what it reads, status bits included, as it does whenever a queue is enabled. */
  writeConfig(wqs: readonly number[]): void {
    const { offsets, groups, readBuffers, wqcfgSize } = layoutOf(this.board.profile);
    for (const wq of wqs) {
      const base = offsets.wqcfg + wq * wqcfgSize;
      const read = Array.from({ length: wqcfgSize / 4 }, (_each, dword) => this.r32(base + 4 * dword));
      const mine = [16, 0, 0xa1, 0xb5, 0, 0, 0, 0];
      for (const [dword, value] of read.entries()) this.w32(base + 4 * dword, dword < 4 ? (mine[dword] ?? 0) : value | (mine[dword] ?? 0));
    }
    const bitmap = wqs.reduce((sum, wq) => sum | (1n << BigInt(wq)), 0n);
    for (let group = 0; group < groups; group++) {
      const base = offsets.grpcfg + 64 * group;
      for (const [word, value] of [group === 0 ? bitmap : 0n, 0n, 0n, 0n, group === 0 ? 1n : 0n].entries()) this.w64(base + 8 * word, value);
      this.w64(base + 0x28, (BigInt(readBuffers) << 20n) | 9n);
    }
  }
}

describe.each([DSA_SPR, DSA_SMALL])('a stock driver on $name', (profile) => {
  const { offsets, wqcfgSize } = layoutOf(profile);
  const enabled = () => {
    const driver = new Driver(profile);
    driver.probe();
    driver.writeConfig([0, 1]);
    expect(driver.command(1)).toBe(0);
    driver.writeConfig([0, 1]);
    expect(driver.command(6, 0)).toBe(0);
    driver.writeConfig([0, 1]);
    expect(driver.command(6, 1)).toBe(0);
    return driver;
  };

  test('probes: a polled reset raises nothing, and MSI-X has a vector for each queue and one more', () => {
    const driver = new Driver(profile);
    driver.probe();
    expect(driver.r64(0x10)).toBe(BigInt(profile.GENCAP));
    expect(driver.r64(0x60)).toBe(0x0040_0002_0004_0003n);
    expect(driver.r64(0x68)).toBe(0n);
    expect([0x40, 0x48, 0x50, 0x58].map((offset) => driver.r64(offset))).toEqual([BigInt(profile.OPCAP), 0n, 0n, 0n]);
    expect(profile.msix.count).toBe(layoutOf(profile).wqs + 1);
    expect(driver.board.read(GENCTRL)).toBe(3);
  });

  test('the worked trace: what is left in the registers after enabling device and queue', () => {
    const driver = new Driver(profile);
    driver.probe();
    driver.writeConfig([0]);
    expect(driver.command(1)).toBe(0);
    expect(driver.r32(0x90)).toBe(1);
    expect(driver.command(6, 0)).toBe(0);
    expect(Array.from({ length: 8 }, (_each, dword) => driver.r32(offsets.wqcfg + 4 * dword))).toEqual([16, 0, 0xa1, 0xb5, 0, 0, 0x40000000, 0]);
    expect([driver.r64(offsets.grpcfg), driver.r64(offsets.grpcfg + 0x20)]).toEqual([1n, 1n]);
    expect(driver.causes).toEqual([2, 2]);
  });

  test('rewrites all configuration while queues are enabled, and nothing of it is taken', () => {
    const driver = enabled();
    const before = driver.r32(offsets.wqcfg + 8);
    driver.w32(offsets.wqcfg + 8, 0);
    driver.w32(offsets.wqcfg, 99);
    driver.w64(offsets.grpcfg + 0x20, 0n);
    driver.w32(0x80, 0);
    expect([driver.r32(offsets.wqcfg + 8), driver.r32(offsets.wqcfg), driver.r64(offsets.grpcfg + 0x20), driver.r32(0x80)]).toEqual([before, 16, 1n, layoutOf(profile).readBuffers]);
  });

  test('uses a kernel queue: handle, descriptor through the limited portal, vector of the queue', () => {
    const driver = enabled();
    const handle = profile === DSA_SMALL ? CMDSTATUS.result.get(CMDSTATUS.image(driver.command(13, 2))) : 2;
    const flags = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;
    const bytes = encodeDescriptor({ opcode: OPCODE.MEMMOVE, flags, source: 0x10000n, destination: 0x20000n, size: 64, completionRecord: 0x8000n, interruptHandle: handle });
    for (let slot = 0; slot < 3; slot++) driver.board.run(driver.board.device.portals.submit((1 << 14) + 0x1000 + 64 * slot, bytes));
    driver.board.settle();
    expect(driver.board.take()).toEqual([msixData(2), msixData(2), msixData(2)]);
    expect(driver.board.record(0x8000n).status).toBe(1);
    if (profile !== DSA_SMALL) return;
    // Polled, with the handle and not the index, and without an interrupt.
    driver.w32(0xa0, 0x00e00000 | handle);
    driver.board.settle();
    expect([driver.r32(0xa8), driver.r32(0x98)]).toEqual([0, 0]);
  });

  test('disables: drain and reset of the queue, disable and reset of the device, and again from the start', () => {
    const driver = enabled();
    expect(driver.command(8, 1)).toBe(0);
    driver.w32(offsets.msixperm + 8, 0);
    expect(driver.command(10, 1)).toBe(0);
    expect(driver.r32(offsets.wqcfg + 24) >>> 30).toBe(0);
    expect(driver.command(2)).toBe(0);
    expect(driver.command(5)).toBe(0);
    expect(driver.r32(0x88)).toBe(0);
    driver.w32(0x88, driver.r32(0x88) | 3);
    driver.writeConfig([0]);
    expect(driver.command(1)).toBe(0);
    expect(driver.command(1)).toBe(COMMAND_ERROR.DEVICE_NOT_DISABLED);
    expect(driver.r32(offsets.wqcfg + wqcfgSize + 24) >>> 30).toBe(0);
  });

  test('acknowledges a software error and gets the next', () => {
    const driver = enabled();
    driver.w32(CMD.offset, 0x00300000);
    driver.w32(CMD.offset, 0x00300000);
    expect(driver.board.take()).toEqual([msixData(0)]);
    driver.misc();
    expect(SWERROR0.valid.get(driver.board.read(SWERROR0))).toBe(0);
    driver.board.settle();
    driver.w32(CMD.offset, 0x00300000);
    driver.w32(CMD.offset, 0x00300000);
    expect(driver.board.take()).toEqual([msixData(0)]);
  });

  test('permission of a kernel vector before its interrupt is requested', () => {
    const driver = enabled();
    driver.w32(offsets.msixperm + 8, 0x00042008);
    expect(Msixperm.decode(driver.board.read(Msixperm, driver.board.msixperm(1)))).toEqual({ ignore: 0, pasidEnable: 1, pasid: 0x42 });
    expect(driver.board.read(MsixEntry.Data, profile.msix.table + 16)).toBe(msixData(1));
    expect([driver.board.read(GENSTS), driver.board.read(INTCAUSE), Wqcfg.Status.state.get(driver.board.read(Wqcfg.Status, driver.board.wq(1)))]).toEqual([1, 0, 1]);
  });
});
