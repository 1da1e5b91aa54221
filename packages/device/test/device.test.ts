import { expect, test } from 'vitest';
import { bit, plainState, register, runToCompletion } from '@siov/base';
import type { AccessPort } from '@siov/base';
import type { PasidWitness } from '../src/index.ts';
import { Device, deviceKey, PciDevice, readRegister, writeRegister } from '../src/index.ts';

const state = plainState;

test('R7: the IOMMU record of a device has one writer, whoever else asks is refused', () => {
  const device = new Device('mdev0', { state, requesterId: 0x10 });
  const writer = device.takeIommuRecord();
  expect(() => device.takeIommuRecord()).toThrow(/mdev0: its IOMMU record has a writer already/);
  const backing = { pasid: 5, valid: () => device.iommu.valid, hold() {}, release() {} };
  const witness = writer.attach(backing);
  expect(device.iommu).toEqual({ pasid: 5, valid: true, generation: 1, witness });
  expect([witness.pasid, witness.valid]).toEqual([5, true]);
  writer.detach();
  expect(device.iommu).toEqual({ pasid: 0, valid: false, generation: 2, witness: null });
  expect(witness.valid).toBe(false);
});

test('R15: a PASID witness is made by the record’s writer alone', () => {
  const device = new Device('mdev0', { state, requesterId: 0x10 });
  const calls: string[] = [];
  const backing = { pasid: 7, valid: () => true, hold: () => calls.push('hold'), release: () => calls.push('release') };
  const witness = device.takeIommuRecord().witness(backing);
  witness.hold();
  witness.release();
  expect([witness.device, witness.pasid, calls]).toEqual([device, 7, ['hold', 'release']]);
  const Forged = witness.constructor as new (...arguments_: unknown[]) => unknown;
  expect(() => new Forged(Symbol('issuer'), device, backing)).toThrow(/only IOMMU management issues/);
  // @ts-expect-error -- whatever looks like a witness is none
  const alike: PasidWitness = { device, pasid: 7, valid: true, hold() {}, release() {} };
  expect(alike).not.toBeInstanceOf(Forged);
});

test('R3: others than the host kernel submit, or an interrupt domain checks no PASID; never both', () => {
  const { submitters } = new Device('dsa0', { state, requesterId: 1 });
  expect(submitters.exposePortal().ok).toBe(true);
  expect(submitters.skipChecks()).toMatchObject({ errno: 'EPERM', message: 'dsa0: 1 portals are mapped for others than the host kernel: its interrupts need a PASID check' });
  submitters.withdrawPortal();
  expect(submitters.skipChecks().ok).toBe(true);
  expect(submitters.exposePortal()).toMatchObject({ errno: 'EPERM' });
  expect([submitters.portals, submitters.unchecked]).toEqual([0, 1]);
  submitters.resumeChecks();
  expect(submitters.exposePortal().ok).toBe(true);
});

test('the portals of a mediated device are its parent’s', () => {
  const pf = new Device('dsa0', { state, requesterId: 1 });
  expect(new Device('mdev0', { state, parent: pf }).submitters).toBe(pf.submitters);
});

test('a mediated device is seen on the bus as its physical function', () => {
  const pf = new Device('dsa0', { state, requesterId: 0x6a01 });
  const mdev = new Device('mdev0', { state, parent: pf });
  expect(mdev.requesterId).toBe(0x6a01);
  expect([pf.isMediated, mdev.isMediated]).toEqual([false, true]);
  expect(() => new Device('lost', { state }).requesterId).toThrow(/lost is on no bus/);
});

test('subsystems hang their data on a device by key', () => {
  const key = deviceKey<number>('count');
  const device = new Device('d', { state, requesterId: 1 });
  expect(device.get(key)).toBeUndefined();
  device.set(key, 4);
  expect(device.get(key)).toBe(4);
  device.delete(key);
  expect(device.get(key)).toBeUndefined();
});

test('a register is accessed with the width it declares, at base plus offset', () => {
  const log: unknown[] = [];
  const port: AccessPort = {
    *read(offset, size) { log.push(['read', offset, size]); return 3; },
    *write(offset, size, value) { log.push(['write', offset, size, value]); },
    *read64(offset) { log.push(['read64', offset]); return 1n; },
    *write64(offset, value) { log.push(['write64', offset, value]); },
  };
  const Narrow = register('Narrow', { offset: 4, source: 'test' }, { on: bit(0) });
  const Wide = register('Wide', { offset: 8, width: 64, source: 'test' }, { on: bit(0) });
  expect(runToCompletion(readRegister(port, Narrow, 0x100))).toBe(3);
  runToCompletion(writeRegister(port, Narrow, Narrow.of({ on: 1 })));
  expect(runToCompletion(readRegister(port, Wide))).toBe(1n);
  runToCompletion(writeRegister(port, Wide, Wide.of({ on: 1 }), 0x10));
  expect(log).toEqual([['read', 0x104, 4], ['write', 4, 4, 1], ['read64', 8], ['write64', 0x18, 1n]]);
});

test('ENODEV names the BAR that is not there', () => {
  const none = { config: {} as AccessPort, bars: {} };
  expect(new PciDevice('dsa0', { state, requesterId: 1, resources: none }).bar(2)).toMatchObject({ errno: 'ENODEV', message: 'dsa0 has no memory BAR 2' });
});
