import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  bar0Windows, checkProfile, configWindows, DSA_EVENT_LOG, DSA_SMALL, DSA_SPR, GENCAP, GRPCAP, layoutOf, MSGCTL, OFFSETS, OPCAP, OPCODE, registerName, VERSION, withEventLog, WQCAP,
} from '../src/index.ts';
import type { DsaProfile } from '../src/index.ts';

describe('DSA_SPR', () => {
  test('its register images are the golden ones', () => {
    expect(DSA_SPR).toMatchObject({
      vendor: 0x8086, device: 0x0b25, VERSION: 0x100, GENCAP: 0x40_915f0107n, WQCAP: 0x003f0000_00080080n, GRPCAP: 0x36004n, ENGCAP: 4n,
      OPCAP: 0x1_003f027fn, OFFSETS: 0x0040_0002_0004_0003n, OFFSETS_HI: 0n, CMDCAP: 0,
      msix: { count: 9, table: 0x2000, pba: 0x3000 }, bar0Size: 64 << 10, bar2Size: 128 << 10,
    });
  });

  test('the images say what the Linux driver shows of such a device', () => {
    expect(GENCAP.decode(DSA_SPR.GENCAP)).toMatchObject({
      blockOnFault: 1, overlappingCopy: 1, cacheControl: 1, destinationReadback: 1, commandCapabilities: 0, eventLog: 0,
      maxTransferShift: 31, maxBatchShift: 10, imsSize: 8, configurationSupport: 1, eventLogOverflow: 0,
    });
    expect(WQCAP.decode(DSA_SPR.WQCAP)).toMatchObject({
      totalWqSize: 128, numberOfWqs: 8, wqcfgSize: 0, sharedMode: 1, dedicatedMode: 1, atsDisable: 1, priority: 1, occupancy: 1,
      occupancyInterrupt: 1, operationConfig: 0, prsDisable: 0,
    });
    expect(GRPCAP.decode(DSA_SPR.GRPCAP)).toEqual({
      numberOfGroups: 4, totalReadBuffers: 96, readBufferControls: 1, globalReadBufferLimit: 1, progressLimit: 0, bandwidthLimit: 0,
    });
    expect(layoutOf(DSA_SPR)).toEqual({
      wqs: 8, totalWqSize: 128, wqcfgSize: 32, groups: 4, engines: 4, readBuffers: 96, imsEntries: 2048, msixEntries: 9,
      offsets: { msixperm: 0x200, grpcfg: 0x300, wqcfg: 0x400, ims: 0x4000 }, commands: 0x1ffe, eventLogEntrySize: 0,
    });
  });

  test('its tables end where the next begins or before', () => {
    const end = Object.fromEntries(bar0Windows(DSA_SPR).map(({ name, offset, stride, count }) => [name, offset + stride * count - 1]));
    expect(end).toEqual({ '': 0xff, MSIXPERM: 0x247, GRPCFG: 0x3ff, WQCFG: 0x4ff, MSIX: 0x208f, PBA: 0x3007, IMS: 0xbfff });
  });
});

describe('DSA_SMALL', () => {
  test('it is the minimum a stock driver binds to, with requested interrupt handles', () => {
    expect(DSA_SMALL.VERSION).toBe(VERSION.of({ major: 1, minor: 0 }));
    expect(DSA_SMALL.GENCAP).toBe((1n << 31n) + (1n << 25n) + (5n << 21n) + (21n << 16n) + (1n << 4n));
    expect(DSA_SMALL.WQCAP).toBe(32n + (2n << 16n) + (1n << 49n) + (1n << 48n));
    expect(DSA_SMALL).toMatchObject({ GRPCAP: 1n + (8n << 8n), ENGCAP: 2n, OPCAP: 0x0dn, CMDCAP: 0x7ffe });
    expect(layoutOf(DSA_SMALL)).toMatchObject({ wqs: 2, groups: 1, engines: 2, imsEntries: 256, msixEntries: 3, commands: 0x7ffe });
  });

  test('a driver that asks for no-op, drain and memory move finds them', () => {
    for (const opcode of [OPCODE.NOOP, OPCODE.DRAIN, OPCODE.MEMMOVE]) {
      expect((OPCAP[0].operations.get(DSA_SMALL.OPCAP) >> BigInt(opcode)) & 1n).toBe(1n);
    }
  });
});

describe('withEventLog', () => {
  test.each([[false, 0x40_915f2107n], [true, 0x41_915f2107n]] as const)('changes GENCAP only (overflow: %s)', (overflow, gencap) => {
    expect(withEventLog(DSA_SPR, { overflow })).toEqual({ ...DSA_SPR, name: 'dsa-spr-event-log', GENCAP: gencap });
    expect(layoutOf(withEventLog(DSA_SPR, { overflow })).eventLogEntrySize).toBe(64);
  });

  test('its registers are there, and nowhere else', () => {
    const names = (profile: DsaProfile) => [0xe0, 0xe8, 0xf0].map((offset) => registerName(bar0Windows(profile), offset));
    expect(names(DSA_EVENT_LOG)).toEqual(['EVLCFG0', 'EVLCFG1', 'EVLSTATUS']);
    for (const profile of [DSA_SPR, DSA_SMALL]) expect(names(profile)).toEqual(['0xe0', '0xe8', '0xf0']);
  });
});

describe('checkProfile', () => {
  test.each([DSA_SPR, DSA_SMALL, DSA_EVENT_LOG])('$name is consistent', (profile) => {
    expect(checkProfile(profile)).toEqual({ ok: true, value: undefined });
    expect(layoutOf(profile).msixEntries).toBe(layoutOf(profile).wqs + 1);
  });

  test.each([
    [{ bar0Size: 0x8000 }, /BAR0 of 32768 bytes/],
    [{ bar2Size: 0x10000 }, /BAR2 of 65536 bytes .* 8 work queues/],
    [{ OFFSETS: OFFSETS.of({ msixperm: 2, grpcfg: 2, wqcfg: 4, ims: 0x40 }) }, /GRPCFG at 0x200 lies over MSIXPERM/],
    [{ OFFSETS: OFFSETS.of({ msixperm: 2, grpcfg: 3, wqcfg: 4, ims: 0x90 }) }, /IMS ends at 0x11000, beyond BAR0/],
    [{ OFFSETS: OFFSETS.of({ msixperm: 2, grpcfg: 3, wqcfg: 0, ims: 0x40 }) }, /lies over/],
    [{ msix: { count: 9, table: 0x2004, pba: 0x3000 } }, /8-byte aligned/],
    [{ msix: { count: 2049, table: 0x2000, pba: 0x3000 } }, /2049 MSI-X entries/],
    [{ WQCAP: WQCAP.operationConfig.set(DSA_SPR.WQCAP, 1) }, /64 bytes/],
  ] as const)('%o is refused', (change, message) => {
    expect(checkProfile({ ...DSA_SPR, ...change })).toMatchObject({ ok: false, errno: 'EINVAL', message: expect.stringMatching(message) });
  });

  test('in an accepted profile every byte of BAR0 belongs to one window at most', () => {
    const table = fc.nat(0x100);
    const offsets = fc.record({ grpcfg: table, wqcfg: table, msixperm: table, ims: table });
    fc.assert(fc.property(offsets, fc.integer({ min: 0, max: 8 }), (fields, imsSize) => {
      const profile: DsaProfile = { ...DSA_SPR, OFFSETS: OFFSETS.of(fields), GENCAP: GENCAP.imsSize.set(DSA_SPR.GENCAP, imsSize) };
      if (!checkProfile(profile).ok) return;
      const owners = new Uint8Array(profile.bar0Size);
      for (const { offset, stride, count } of bar0Windows(profile)) {
        for (let at = offset; at < offset + stride * count; at++) owners[at] = (owners[at] ?? 255) + 1;
      }
      expect(Math.max(...owners)).toBeLessThanOrEqual(1);
    }));
  });
});

describe('registerName', () => {
  const windows = bar0Windows(DSA_SPR);
  test.each([
    [0x10, 'GENCAP'], [0x14, 'GENCAP+4'], [0xa0, 'CMD'], [0x404 + 32, 'WQCFG[1].THRESHOLD'], [0x328, 'GRPCFG[0].FLAGS'], [0x208, 'MSIXPERM[1]'],
    [0x200c, 'MSIX[0].CONTROL'], [0x3000, 'PBA[0]'], [0x4000 + 5 * 16 + 12, 'IMS[5].CONTROL'], [0x2c, '0x2c'], [0xfff0, '0xfff0'],
  ])('0x%s', (offset, name) => {
    expect(registerName(windows, offset)).toBe(name);
  });

  test('configuration space has names too', () => {
    const config = configWindows();
    expect(registerName(config, MSGCTL.offset)).toBe('MSGCTL');
    expect(registerName(config, 0x236)).toBe('PASIDCTL');
  });
});
