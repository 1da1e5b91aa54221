// The PASID a guest gives its dedicated queue: the fields it may write, and whose PASID the function's queue then works with.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { COMMAND, GENSTS, PASID_HEADER, PASIDCAP, PASIDCTL, PCICMD, SWERROR0, Wqcfg } from '@siov/datasheet';
import { VFIO_PCI_REGION } from '@siov/vfio';
import { makeVirtual, WITH_PASIDS } from './fake-function.ts';

const WQCFG = 0x400;
const PASID = 0x100 - PASID_HEADER.offset;

function machine() {
  const made = makeVirtual(WITH_PASIDS);
  made.config.write(PCICMD, 6);
  return {
    ...made,
    choose: (pasid: number, pasidEnable = 1) => made.bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ pasid, pasidEnable }), WQCFG),
    mode: () => Wqcfg.Mode.decode(made.bar0.read(Wqcfg.Mode, WQCFG)),
    enable: () => [made.command(COMMAND.ENABLE_DEVICE).error, made.command(COMMAND.ENABLE_WQ).error],
  };
}

describe('a dedicated queue', () => {
  test('works with the host’s PASID behind the one the guest chose; the guest reads its own', () => {
    const { bind, choose, enable, fake, mode } = machine();
    const host = bind(0x4711);
    choose(0x4711);
    expect(enable()).toEqual([0, 0]);
    expect(fake.mode()).toMatchObject({ dedicated: 1, pasidEnable: 1, pasid: host, priv: 1 });
    expect(mode()).toMatchObject({ dedicated: 1, pasidEnable: 1, pasid: 0x4711, priv: 0 });
  });

  test('works with the device’s own PASID where the guest chose none', () => {
    const { bind, choose, enable, fake, mdev } = machine();
    bind(5);
    choose(5, 0);
    expect(enable()).toEqual([0, 0]);
    expect(fake.mode().pasid).toBe(mdev.device.iommu.pasid);
  });

  test('is not enabled with a PASID that nothing is behind, and nothing is asked of the function', () => {
    const { choose, command, bind } = machine();
    choose(5);
    command(COMMAND.ENABLE_DEVICE);
    expect(command(COMMAND.ENABLE_WQ)).toEqual({ error: 0x26, result: 0, physical: [] });
    bind(5);
    expect(command(COMMAND.ENABLE_WQ)).toEqual({ error: 0, result: 0, physical: ['ENABLE_WQ(0)'] });
  });

  test('that the function refuses does not hold the PASID', () => {
    const { bind, choose, enable, fake, vfio, run } = machine();
    bind(5);
    choose(5);
    fake.errors.set(COMMAND.ENABLE_WQ, 0x28);
    expect(enable()).toEqual([0, 3]);
    expect(vfio.pasids === undefined ? undefined : run(vfio.pasids.unbind(5)).ok).toBe(true);
  });

  test('that is enabled keeps its PASID; reset, by command or with the device, it has none', () => {
    const { bind, choose, enable, mode, command, vfio, run } = machine();
    bind(5);
    choose(5);
    enable();
    choose(9);
    expect(mode()).toMatchObject({ pasidEnable: 1, pasid: 5 });
    command(COMMAND.RESET_WQ, 1);
    expect(mode()).toMatchObject({ dedicated: 1, pasidEnable: 0, pasid: 0 });
    choose(5);
    command(COMMAND.RESET_DEVICE);
    expect(mode()).toMatchObject({ pasidEnable: 0, pasid: 0 });
    choose(5);
    run(vfio.reset());
    expect(mode()).toMatchObject({ pasidEnable: 0, pasid: 0 });
  });

  test('takes nothing else of its configuration from the guest, by accesses of any size', () => {
    const fields = Wqcfg.Mode.of({ pasid: 0xfffff, pasidEnable: 1 });
    fc.assert(
      fc.property(fc.nat({ max: 31 }), fc.uint8Array({ minLength: 1, maxLength: 32 }), (offset, bytes) => {
        const { vfio, run, dump } = machine();
        const before = dump(0, 0x500).slice(0x300 / 4);
        run(vfio.regionWrite(0, WQCFG + offset, bytes.subarray(0, 32 - offset)));
        const after = dump(0, 0x500).slice(0x300 / 4);
        const differ = after.map((word, index) => (word ^ (before[index] ?? 0)) >>> 0);
        expect(differ.filter((_bits, index) => index !== (0x108 / 4)).every((bits) => bits === 0)).toBe(true);
        expect(((differ[0x108 / 4] ?? 0) & ~fields) >>> 0).toBe(0);
        // What it may write is written.
        const written = new Uint8Array(32);
        written.set(bytes.subarray(0, 32 - offset), offset);
        expect(((after[0x108 / 4] ?? 0) & fields) >>> 0).toBe((new DataView(written.buffer).getUint32(8, true) & fields) >>> 0);
      }),
      { numRuns: 60 },
    );
  });

  test('of a guest without PASIDs takes none', () => {
    const { bar0 } = makeVirtual();
    bar0.write(Wqcfg.Mode, Wqcfg.Mode.of({ pasid: 5, pasidEnable: 1 }), WQCFG);
    expect(Wqcfg.Mode.decode(bar0.read(Wqcfg.Mode, WQCFG))).toMatchObject({ pasid: 0, pasidEnable: 0 });
  });
});

describe('the PASID capability', () => {
  test('is the only extended one: 20 bits, privileged, switched on by the guest', () => {
    const { config, bytes } = machine();
    expect(PASID_HEADER.decode(config.read(PASID_HEADER, PASID))).toEqual({ id: 0x1b, version: 1, next: 0 });
    expect(PASIDCAP.decode(config.read(PASIDCAP, PASID))).toMatchObject({ width20: 20, privileged: 1, execute: 0 });
    config.write(PASIDCTL, 0xffff, PASID);
    expect(config.read(PASIDCTL, PASID)).toBe(5);
    expect(bytes(VFIO_PCI_REGION.CONFIG, 0x108, 4096 - 0x108).every((byte) => byte === 0)).toBe(true);
  });

  test('switched while the device is enabled halts it, as in the function', () => {
    const { config, enable, bar0, fake } = machine();
    enable();
    fake.commands.length = 0;
    config.write(PASIDCTL, 1, PASID);
    expect(GENSTS.state.get(bar0.read(GENSTS))).toBe(3);
    expect(SWERROR0.error.get(bar0.read(SWERROR0))).toBe(0x51);
    expect(fake.commands).toEqual(['RESET_WQ(1)']);
  });

  test('is off after a function level reset', () => {
    const { config, run, vfio } = machine();
    config.write(PASIDCTL, 1, PASID);
    run(vfio.reset());
    expect(config.read(PASIDCTL, PASID)).toBe(0);
    expect(PASID_HEADER.id.get(config.read(PASID_HEADER, PASID))).toBe(0x1b);
  });
});

describe('Drain and Abort PASID', () => {
  test.each([['DRAIN_PASID'], ['ABORT_PASID']] as const)('%s means the host’s PASID behind the guest’s; one that is not bound is in no descriptor', (name) => {
    const { bind, command, enable } = machine();
    const host = bind(77);
    enable();
    expect(command(COMMAND[name], 77)).toEqual({ error: 0, result: 0, physical: [`${name}(${host})`] });
    expect(command(COMMAND[name], host + 1000)).toEqual({ error: 0, result: 0, physical: [] });
    expect(command(COMMAND[name], 0)).toEqual({ error: 0, result: 0, physical: [] });
  });

  test('that the function fails is a hardware error', () => {
    const { bind, command, enable, fake } = machine();
    bind(77);
    enable();
    fake.errors.set(COMMAND.DRAIN_PASID, 5);
    expect(command(COMMAND.DRAIN_PASID, 77).error).toBe(3);
  });
});
