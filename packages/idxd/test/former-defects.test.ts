// What the posted v6 code of the vdcm got wrong and this does not, one by one: which requests are understood, with which error
// they end, and what a trapped access may touch.
import { describe, expect, test } from 'vitest';
import { CMDSTATUS, COMMAND, DSA_SMALL, INTCAUSE, MsixEntry, PCICMD } from '@siov/datasheet';
import type { IrqSet } from '@siov/vfio';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import { HANDLE_OFFSET, makeVirtual, WITH_PASIDS } from './fake-function.ts';

const MSIX = 0x2000;
const FIRST_IMS = 1 << 16;

test('the PASID is not taken when the user asks for interrupt information: an address space that comes later counts', () => {
  const { vfio, setIrqs, bind, permit, fake, slot } = makeVirtual(WITH_PASIDS);
  permit(1, { pasidEnable: 1, pasid: 5 });
  for (let asked = 0; asked < 2; asked++) vfio.irqInfo(VFIO_PCI_IRQ.MSIX);
  const host = bind(5);
  expect(setIrqs(1, [true]).ok).toBe(true);
  expect(fake.ims(slot(1)).pasid).toBe(host);
});

test('one vector in the middle can be changed alone', () => {
  const { setIrqs, slot, signals, fake, executor } = makeVirtual({ create: { vectors: 4 } });
  expect(setIrqs(0, [true, true, true, true]).ok).toBe(true);
  setIrqs(2, [false]);
  expect([1, 2, 3].map((vector) => slot(vector) >= 0)).toEqual([true, false, true]);
  setIrqs(2, [true]);
  fake.fire(slot(2));
  executor.settle();
  expect(signals.slice(0, 4)).toEqual([0, 0, 1, 0]);
});

test('a first request for vector 0 alone, as QEMU makes it, is no error', () => {
  const { setIrqs, virtual } = makeVirtual();
  expect([setIrqs(0, [true]).ok, virtual.triggers.armed]).toEqual([true, 1]);
});

test('requests without data disable, and signal a vector to try it', () => {
  const { vfio, run, setIrqs, signals, disable, virtual, executor } = makeVirtual();
  setIrqs(0, [true, true]);
  const set: IrqSet = { index: VFIO_PCI_IRQ.MSIX, start: 1, count: 1, action: 'trigger', data: { kind: 'none' } };
  expect(run(vfio.setIrqs(set)).ok).toBe(true);
  executor.settle();
  expect(signals[1]).toBe(1);
  expect([disable().ok, virtual.triggers.armed]).toEqual([true, 0]);
});

test('errors stay what they are', () => {
  const made = makeVirtual(WITH_PASIDS);
  const { run, vfio, permit, setIrqs, iommu, mdev } = made;
  const masked: IrqSet = { index: VFIO_PCI_IRQ.MSIX, start: 0, count: 1, action: 'mask', data: { kind: 'none' } };
  expect(run(vfio.setIrqs(masked))).toMatchObject({ errno: 'ENOTTY' });
  expect(setIrqs(0, [true, true, true])).toMatchObject({ errno: 'EINVAL' });
  permit(1, { pasidEnable: 1, pasid: 9 });
  expect(setIrqs(1, [true])).toMatchObject({ errno: 'ENXIO' });
  permit(1, {});
  iommu.detachDevicePasid(mdev.device);
  expect(setIrqs(1, [true])).toMatchObject({ errno: 'EINVAL' });
});

test('the guest’s MSI-X table is its own: no access to it reaches an entry of the message store, with or without an interrupt', () => {
  const { setIrqs, fake, slot, bar0 } = makeVirtual();
  const write = () => {
    bar0.write(MsixEntry.Control, 0, MSIX + 16);
    bar0.write(MsixEntry.Control, 1, MSIX + 16);
    bar0.write(MsixEntry.Data, 0xffffffff, MSIX + 16);
  };
  write();
  expect(fake.ims(0)).toEqual({ mask: 1, pasidEnable: 0, pasid: 0, data: 0 });
  setIrqs(1, [true]);
  const live = fake.ims(slot(1));
  write();
  expect([fake.ims(slot(1)), live.mask]).toEqual([live, 0]);
});

describe('releasing a handle', () => {
  test.each([['a number of the store', {}], ['a number of the function', { profile: DSA_SMALL }]])('that is %s finds the vector it is of, among several, and ends once', (_name, options) => {
    const { setIrqs, command, slot, bar0, signals } = makeVirtual({ ...options, create: { vectors: 4 } });
    setIrqs(0, [true, true, true, true]);
    const handles = [1, 2, 3].map((vector) => command(COMMAND.REQUEST_INTERRUPT_HANDLE, vector).result);
    expect(new Set(handles).size).toBe(3);
    expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, handles[1], true)).toMatchObject({ error: 0 });
    expect([1, 2, 3].map((vector) => slot(vector) >= 0)).toEqual([true, false, true]);
    expect([signals[0], INTCAUSE.commandCompletion.get(bar0.read(INTCAUSE)), CMDSTATUS.error.get(bar0.read(CMDSTATUS))]).toEqual([1, 1, 0]);
    expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, 0xffff).error).toBe(0x41);
  });

  test('takes a handle for what it is, also where it could be a table index', () => {
    const { setIrqs, command, slot } = makeVirtual({ create: { vectors: 4 } });
    setIrqs(0, [true, true, true, true]);
    expect([slot(1), slot(2)]).toEqual([0, 1]);
    expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, slot(2)).error).toBe(0);
    expect([slot(1) >= 0, slot(2) >= 0]).toEqual([true, false]);
  });
});

test('every command that CMDCAP names is one: none ends as unknown', () => {
  const { command, config, bind } = makeVirtual(WITH_PASIDS);
  bind(1);
  config.write(PCICMD, 6);
  const codes = Array.from({ length: 32 }, (_each, code) => code).filter((code) => ((0x7ffe >>> code) & 1) === 1);
  expect(codes.map((code) => command(code, code >= COMMAND.DRAIN_PASID && code <= COMMAND.ABORT_PASID ? 1 : 0).error)).not.toContain(1);
  expect(command(COMMAND.REQUEST_IDPT_HANDLE).error).toBe(1);
});

test('R23: a vector given up leaves no PASID in its entry, after one call', () => {
  const { bind, permit, setIrqs, fake, slot } = makeVirtual(WITH_PASIDS);
  bind(5);
  permit(1, { pasidEnable: 1, pasid: 5 });
  setIrqs(1, [true]);
  const used = slot(1);
  setIrqs(1, [false]);
  expect(fake.ims(used)).toEqual({ mask: 1, pasidEnable: 0, pasid: 0, data: 0 });
});

describe('a handle the guest has', () => {
  test('stays while its interrupt is the same, also when the trigger is another', () => {
    const { setIrqs, command, bar0, fake } = makeVirtual({ profile: DSA_SMALL });
    setIrqs(0, [true, true]);
    expect(command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1).result).toBe(HANDLE_OFFSET);
    setIrqs(1, [true]);
    expect([fake.commands, bar0.read(INTCAUSE)]).toEqual([[], 0]);
  });

  test('is given back with the interrupt, and asked for again with the next: the same one is no news to the guest', () => {
    const { setIrqs, command, bar0, fake, disable } = makeVirtual({ profile: DSA_SMALL });
    setIrqs(0, [true, true]);
    command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
    disable();
    expect(fake.commands).toEqual([`RELEASE_INTERRUPT_HANDLE(${FIRST_IMS})`]);
    setIrqs(0, [true, true]);
    expect([fake.commands.slice(1), bar0.read(INTCAUSE)]).toEqual([[`REQUEST_INTERRUPT_HANDLE(${FIRST_IMS})`], 0]);
  });

  test('that its interrupt does not have any more is revoked: cause bit 31 and vector 0, once; the guest asks again', () => {
    const made = makeVirtual({ create: { vectors: 3 } });
    const { setIrqs, command, bar0, disable, slot, signals } = made;
    setIrqs(0, [true, true, true]);
    const before = command(COMMAND.REQUEST_INTERRUPT_HANDLE, 2).result;
    disable();
    // The other way round: the vectors change slots.
    setIrqs(2, [true]);
    expect([slot(2) === before, bar0.read(INTCAUSE)]).toEqual([false, 0x80000000]);
    setIrqs(0, [true]);
    expect(signals[0]).toBe(0);
    bar0.write(INTCAUSE, 0x80000000);
    expect(command(COMMAND.REQUEST_INTERRUPT_HANDLE, 2).result).toBe(slot(2));
    setIrqs(2, [true]);
    expect(bar0.read(INTCAUSE)).toBe(0);
  });

  test('is given back before its slot can be another’s, also when only the PASID changes', () => {
    const { setIrqs, command, bind, permit, fake } = makeVirtual({ profile: DSA_SMALL, create: { pasid: true } });
    bind(5);
    setIrqs(0, [true, true]);
    command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
    permit(1, { pasidEnable: 1, pasid: 5 });
    setIrqs(1, [true]);
    expect(fake.commands).toEqual([`RELEASE_INTERRUPT_HANDLE(${FIRST_IMS})`, `REQUEST_INTERRUPT_HANDLE(${FIRST_IMS})`]);
  });
});
