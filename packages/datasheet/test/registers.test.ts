// The numbers here are those of the specification's tables and of what the Linux driver reads and writes.
import { describe, expect, test } from 'vitest';
import {
  bar0Windows, CLASS, CMD, CMDSTATUS, COMMAND, command, configWindows, DEVCAP, DSA_SPR, GENCFG, GENCTRL, Grpcfg, handleOfOperand, handleOperand,
  IMS_ENTRY_SIZE, ImsEntry, INTCAUSE, MSIX_ENTRY_SIZE, MsixEntry, Msixperm, PASIDCAP, Perfmon, SWERROR0, Wqcfg, wqOperand, wqsOfOperand,
} from '../src/index.ts';
import { must } from '@siov/base';

describe('commands as the Linux driver writes them', () => {
  test.each([
    [command(COMMAND.ENABLE_DEVICE), 0x80100000], [command(COMMAND.DISABLE_DEVICE), 0x80200000], [command(COMMAND.DRAIN_ALL), 0x80300000],
    [command(COMMAND.ABORT_ALL), 0x80400000], [command(COMMAND.RESET_DEVICE, 0, false), 0x00500000], [command(COMMAND.RESET_DEVICE), 0x80500000],
    [command(COMMAND.ENABLE_WQ, 3), 0x80600003], [command(COMMAND.DRAIN_WQ, must(wqOperand([3]), 'operand')), 0x80800008],
    [command(COMMAND.RESET_WQ, must(wqOperand([17]), 'operand')), 0x80a10002], [command(COMMAND.DRAIN_PASID, 0xfffff), 0x80bfffff],
    [command(COMMAND.REQUEST_INTERRUPT_HANDLE, handleOperand({ index: 2, ims: false })), 0x80d00002],
    [command(COMMAND.RELEASE_INTERRUPT_HANDLE, handleOperand({ index: 2, ims: true }), false), 0x00e10002],
  ])('%#: 0x%s', (written, expected) => {
    expect(written).toBe(expected);
  });

  test('work queues of different blocks of 16 cannot be named together, and none is no operand', () => {
    expect(wqOperand([15, 16])).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(wqOperand([])).toMatchObject({ ok: false, errno: 'EINVAL' });
    expect(wqsOfOperand(0x10005)).toEqual([16, 18]);
    expect(handleOfOperand(0x1002a)).toEqual({ index: 0x2a, ims: true });
  });

  test('CMD reads 0, and CMDSTATUS has its reserved bits 0', () => {
    expect(CMD.readValue(CMD.image(0x80100000))).toBe(0);
    expect(CMDSTATUS.of({ error: 0xff, result: 0xffff, active: 1 })).toBe(0x80ffffff);
  });
});

describe('the worked configuration trace of one group, one engine, one dedicated queue', () => {
  test('WQCFG', () => {
    expect(Wqcfg.Size.of({ size: 16 })).toBe(16);
    expect(Wqcfg.Mode.of({ dedicated: 1, priority: 10 })).toBe(0xa1);
    expect(Wqcfg.Limits.of({ maxTransferShift: 21, maxBatchShift: 5 })).toBe(0xb5);
    expect(Wqcfg.Status.of({ state: 1 })).toBe(0x40000000);
    expect(Object.values(Wqcfg).map(({ offset }) => offset)).toEqual([0, 4, 8, 0xc, 0x10, 0x14, 0x18]);
  });

  test('GRPCFG', () => {
    expect(Grpcfg.Flags.of({ readBuffersAllowed: 96, trafficClassA: 1, trafficClassB: 1 })).toBe(0x06000009n);
    expect(Grpcfg.Engines.offset).toBe(0x20);
    expect(Grpcfg.Flags.offset).toBe(0x28);
  });
});

describe('bits software relies on', () => {
  test('PASIDs sit where the Linux driver puts them', () => {
    expect(Msixperm.of({ pasid: 0x12345, pasidEnable: 1 })).toBe(0x12345008);
    expect(ImsEntry.Control.of({ pasid: 0x12345, pasidEnable: 1, mask: 0 })).toBe(0x12345008);
    expect(Wqcfg.Mode.of({ pasid: 0xfffff, pasidEnable: 1 })).toBe(0x1fffff00);
    expect(SWERROR0.of({ pasid: 0xfffff })).toBe(0x0fffff00_00000000n);
  });

  test('an IMS entry starts masked, in the interrupt window', () => {
    const { AddressLo, AddressHi, Data, Control } = ImsEntry;
    expect([AddressLo.reset, AddressHi.reset, Data.reset, Control.reset]).toEqual([0xfee00000, 0, 0, 1]);
    expect(Control.afterWrite(Control.reset, 0xfffff00f)).toBe(0xfffff00d);
  });

  test('general registers', () => {
    expect(GENCFG.of({ userInterruptsEnable: 1, globalReadBufferLimit: 0x60 })).toBe(0x1060);
    expect(GENCTRL.of({ softwareErrorInterruptEnable: 1, haltInterruptEnable: 1 })).toBe(3);
    expect(INTCAUSE.of({ handlesRevoked: 1, commandCompletion: 1 })).toBe(0x80000002);
    expect(Perfmon.Reset.offset).toBe(0x10);
  });

  test('configuration space', () => {
    expect(CLASS.reset >>> 8).toBe(0x088000);
    expect(DEVCAP.functionLevelReset.get(DEVCAP.reset)).toBe(1);
    expect(PASIDCAP.decode(PASIDCAP.reset)).toEqual({ execute: 0, privileged: 1, width20: 20 });
  });
});

describe('entries', () => {
  test('of the MSI-X table and of the message store have address, data and control in the same places', () => {
    const places = (entry: typeof ImsEntry | typeof MsixEntry) => Object.entries(entry).map(([name, { offset, width }]) => [name, offset, width]);
    expect(places(MsixEntry)).toEqual(places(ImsEntry));
    expect([MSIX_ENTRY_SIZE, MsixEntry.Control.mask.lo]).toEqual([IMS_ENTRY_SIZE, ImsEntry.Control.mask.lo]);
  });
});

describe('capability chain', () => {
  const config = configWindows().flatMap(({ registers }) => registers);
  const reset = (offset: number) => config.reduce((sum, { at, register }) => (at >> 2 === offset >> 2 ? sum + Number(register.reset) * 2 ** (8 * (at & 3)) : sum), 0);

  test('it visits PCI Express, MSI-X and power management, and ends', () => {
    const seen: number[] = [];
    for (let at = reset(0x34) & 0xff; at !== 0; at = (reset(at) >>> 8) & 0xff) seen.push(reset(at) & 0xff);
    expect(seen).toEqual([0x10, 0x11, 0x01]);
  });

  test('the extended chain visits AER, LTR, TPH, VC, DVSEC, ATS, PASID and PRI, and ends', () => {
    const seen: number[] = [];
    for (let at = 0x100; at !== 0; at = reset(at) >>> 20) seen.push(reset(at) & 0xffff);
    expect(seen).toEqual([0x01, 0x18, 0x17, 0x02, 0x23, 0x0f, 0x1b, 0x13]);
  });
});

describe('windows', () => {
  test.each([...bar0Windows(DSA_SPR), ...configWindows()])('no two registers of window "$name" share a byte, and none leaves its entry', (window) => {
    const spans = window.registers.map(({ at, register }) => [at, at + register.width / 8] as const).sort((a, b) => a[0] - b[0]);
    for (const [index, [start, end]] of spans.entries()) {
      expect(start).toBeGreaterThanOrEqual(spans[index - 1]?.[1] ?? 0);
      expect(end).toBeLessThanOrEqual(window.stride);
    }
  });
});
