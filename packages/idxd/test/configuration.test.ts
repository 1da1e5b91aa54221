// What the guest finds: config space, capabilities, the fixed configuration.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  BAR0, BAR0_HI, BAR2, CLASS, CMDCAP, DEVCAP, DEVCTL, DSA_SPR, ENGCAP, GENCAP, GENCFG, GENSTS, GRPCAP, Grpcfg, MSGCTL, MSIX_HEADER, MSIX_PBA, MSIX_TABLE, Msixperm,
  OFFSETS, PCICMD, PCIE_HEADER, PMCAP, VENDOR, VERSION, WQCAP, Wqcfg,
} from '@siov/datasheet';
import { VFIO_PCI_IRQ, VFIO_PCI_REGION } from '@siov/vfio';
import { makeVirtual } from './fake-function.ts';

const { CONFIG } = VFIO_PCI_REGION;
const GRPCFG = 0x300;
const WQCFG = 0x400;
const MSIXPERM = 0x200;

describe('config space', () => {
  test('has the ids and the class of the function, with the driver bit pattern of a DSA', () => {
    const { config } = makeVirtual();
    expect(VENDOR.decode(config.read(VENDOR))).toEqual({ vendor: 0x8086, device: 0x0b25 });
    expect(CLASS.decode(config.read(CLASS))).toEqual({ revision: 0, programmingInterface: 0, subClass: 0x80, baseClass: 0x08 });
  });

  test('says 64 KiB and 16 KiB of 64-bit memory when software sizes the BARs', () => {
    const { config } = makeVirtual();
    for (const bar of [BAR0, BAR2, BAR0_HI]) config.write(bar, 0xffffffff);
    expect([config.read(BAR0), config.read(BAR0_HI), config.read(BAR2)]).toEqual([0xffff000c, 0xffffffff, 0xffffc00c]);
    config.write(BAR0, 0xfe012340);
    expect(config.read(BAR0)).toBe(0xfe01000c);
  });

  test('has three capabilities: PCI Express with function level reset, MSI-X with two entries, power management', () => {
    const { config, bytes } = makeVirtual();
    const walk: number[] = [];
    for (let at = bytes(CONFIG, 0x34, 1)[0] ?? 0; at !== 0; at = bytes(CONFIG, at + 1, 1)[0] ?? 0) walk.push(at);
    expect(walk).toEqual([PCIE_HEADER.offset, MSIX_HEADER.offset, PMCAP.offset]);
    expect(DEVCAP.functionLevelReset.get(config.read(DEVCAP))).toBe(1);
    expect(MSGCTL.tableSize.get(config.read(MSGCTL))).toBe(1);
    expect(MSIX_TABLE.decode(config.read(MSIX_TABLE))).toEqual({ bir: 0, offset8: 0x2000 / 8 });
    expect(MSIX_PBA.decode(config.read(MSIX_PBA))).toEqual({ bir: 0, offset8: 0x3000 / 8 });
  });

  test('has no extended capabilities: no PASID, ATS or PRI for the guest', () => {
    const { vfio, bytes, run } = makeVirtual();
    expect(bytes(CONFIG, 0x100, 3840).every((byte) => byte === 0)).toBe(true);
    expect(run(vfio.regionWrite(CONFIG, 0x100, new Uint8Array(3840).fill(0xff))).ok).toBe(true);
    expect(bytes(CONFIG, 0x100, 3840).every((byte) => byte === 0)).toBe(true);
  });

  test('is what the uAPI says it is: two MSI-X interrupts, regions of their sizes', () => {
    const { vfio } = makeVirtual();
    const size = (index: number) => vfio.regionInfo(index);
    expect([VFIO_PCI_REGION.BAR0, VFIO_PCI_REGION.BAR2, CONFIG, VFIO_PCI_REGION.BAR1].map(size)).toMatchObject([
      { value: { size: 0x10000 } }, { value: { size: 0x4000 } }, { value: { size: 4096 } }, { value: { size: 0 } },
    ]);
    expect(vfio.irqInfo(VFIO_PCI_IRQ.MSIX)).toMatchObject({ value: { count: 2 } });
  });
});

describe('capability registers', () => {
  test('describe one group, one engine and one dedicated queue, commands 1 to 14, no IMS, no configuration', () => {
    const { bar0 } = makeVirtual();
    expect(bar0.read(VERSION)).toBe(0x100);
    expect(GENCAP.decode(bar0.read(GENCAP))).toMatchObject({ commandCapabilities: 1, imsSize: 0, configurationSupport: 0, maxTransferShift: 21, maxBatchShift: 5 });
    expect(WQCAP.decode(bar0.read(WQCAP))).toMatchObject({ numberOfWqs: 1, totalWqSize: 16, dedicatedMode: 1, sharedMode: 0 });
    expect([GRPCAP.numberOfGroups.get(bar0.read(GRPCAP)), ENGCAP.numberOfEngines.get(bar0.read(ENGCAP))]).toEqual([1, 1]);
    expect(bar0.read(CMDCAP)).toBe(0x7ffe);
    expect(OFFSETS.ims.get(bar0.read(OFFSETS))).toBe(0);
  });

  test('never promise more than the function can do', () => {
    const profile = { ...DSA_SPR, GENCAP: GENCAP.maxBatchShift.set(GENCAP.maxTransferShift.set(DSA_SPR.GENCAP, 16), 3) };
    const { bar0 } = makeVirtual({ profile });
    expect(GENCAP.decode(bar0.read(GENCAP))).toMatchObject({ maxTransferShift: 16, maxBatchShift: 3 });
    expect(Wqcfg.Limits.decode(bar0.read(Wqcfg.Limits, WQCFG))).toMatchObject({ maxTransferShift: 16, maxBatchShift: 3 });
  });
});

describe('the configuration', () => {
  test('has the queue in the group, dedicated, and says that the host fixed its mode', () => {
    const { bar0 } = makeVirtual();
    expect(bar0.read(Grpcfg.Wqs[0], GRPCFG)).toBe(1n);
    expect(bar0.read(Grpcfg.Engines, GRPCFG)).toBe(1n);
    expect(bar0.read(Wqcfg.Size, WQCFG)).toBe(16);
    expect(Wqcfg.Status.decode(bar0.read(Wqcfg.Status, WQCFG))).toMatchObject({ modeSupport: 1, state: 0 });
  });

  test('hides the PASID that the function’s queue has from the guest, before and after the queue is enabled', () => {
    const { bar0, config, command, fake, mdev, device } = makeVirtual();
    config.write(PCICMD, 6);
    expect([command(1).error, command(6).error]).toEqual([0, 0]);
    expect(fake.mode()).toMatchObject({ dedicated: 1, pasidEnable: 1, priv: 1, pasid: mdev.device.iommu.pasid });
    expect([mdev.device.iommu.valid, device.iommu.valid]).toEqual([true, false]);
    expect(Wqcfg.Mode.decode(bar0.read(Wqcfg.Mode, WQCFG))).toMatchObject({ dedicated: 1, pasidEnable: 0, pasid: 0, priv: 0 });
  });

  test.each([['disabled', false], ['enabled', true]])('and the capabilities cannot be written, by accesses of any size, while the device is %s', (_name, enabled) => {
    const { vfio, run, dump, config, command } = makeVirtual();
    config.write(PCICMD, 6);
    if (enabled) command(1);
    const fixed = () => [dump(0, 0x80), dump(0, 0x500).slice(GRPCFG / 4)];
    const before = fixed();
    fc.assert(
      fc.property(fc.oneof(fc.nat({ max: 0x7f }), fc.integer({ min: GRPCFG, max: 0x4ff })), fc.uint8Array({ minLength: 1, maxLength: 16 }), (offset, bytes) => {
        // Whatever happens to lie behind is not what this is about.
        const end = offset < 0x80 ? 0x80 : 0x500;
        run(vfio.regionWrite(0, offset, bytes.subarray(0, end - offset)));
        expect(fixed()).toEqual(before);
      }),
      { examples: [[WQCFG, new Uint8Array(32).fill(0xff)], [WQCFG + 4, new Uint8Array(4).fill(0xff)], [WQCFG + 0x14, new Uint8Array(4).fill(0xff)]] },
    );
  });

  test('GENCFG is writable while the device is disabled, and only then', () => {
    const { bar0, config, command } = makeVirtual();
    const set = (value: 0 | 1) => {
      bar0.write(GENCFG, GENCFG.userInterruptsEnable.set(bar0.read(GENCFG), value));
      return GENCFG.userInterruptsEnable.get(bar0.read(GENCFG));
    };
    expect(set(1)).toBe(1);
    config.write(PCICMD, 6);
    command(1);
    expect([set(0), GENSTS.state.get(bar0.read(GENSTS))]).toEqual([1, 1]);
    config.write(PCICMD, 2);
    expect([set(0), GENSTS.state.get(bar0.read(GENSTS))]).toEqual([1, 3]);
  });
});

test('a function level reset gives power-on values: registers, config space and queue, but keeps the host’s interrupts', () => {
  const { config, bar0, command, setIrqs, dump, bytes, fake, virtual } = makeVirtual();
  const before = [dump(0, 0x500), [...bytes(CONFIG, 0, 256)]];
  config.write(PCICMD, 6);
  setIrqs(0, [true, true]);
  bar0.write(Msixperm, 0x1008, MSIXPERM + 8);
  expect([command(1).error, command(6).error]).toEqual([0, 0]);
  fake.commands.length = 0;
  config.write(DEVCTL, DEVCTL.initiateFunctionLevelReset.set(config.read(DEVCTL), 1));
  expect(fake.commands).toEqual(['RESET_WQ(1)']);
  expect([dump(0, 0x500), [...bytes(CONFIG, 0, 256)]]).toEqual(before);
  expect([virtual.triggers.armed, virtual.triggers.hwirq(1).ok]).toEqual([2, true]);
});
