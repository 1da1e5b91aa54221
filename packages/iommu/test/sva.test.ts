import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, runToCompletion } from '@siov/base';
import { Device } from '@siov/device';
import { AddressSpace } from '../src/index.ts';
import type { SvaBond } from '../src/index.ts';
import { BASE, machine, outcome, RID, value } from './machine.ts';

function withSva(options: Parameters<typeof machine>[0] = {}) {
  const made = machine(options);
  if (options.probe?.pageRequests === true) value(made.iommu.enableFeature(made.pf, 'iopf'));
  value(made.iommu.enableFeature(made.pf, 'sva'));
  return made;
}

describe('binding', () => {
  test('one PASID for a process, whatever devices are bound to it, until the last is unbound', () => {
    const { iommu, pf, mdevs: [a, b], process, write } = withSva();
    const { domain: mm, bytes } = process('p');
    const bonds = [pf, a, b].map((device) => value(iommu.svaBindDevice(device, mm)));
    const [pasid = 0] = bonds.map(({ witness }) => witness.pasid);
    expect(bonds.map(({ witness }) => witness.pasid)).toEqual([pasid, pasid, pasid]);
    expect(new Set(bonds.map(({ witness }) => witness)).size).toBe(3);
    expect([outcome(write(pasid, 6)), bytes[0], iommu.counters.pasids]).toEqual(['ok', 6, 1]);
    const [first, second, third] = bonds as [SvaBond, SvaBond, SvaBond];
    value(iommu.svaUnbindDevice(first));
    expect([first.witness.valid, second.witness.valid, outcome(write(pasid))]).toEqual([false, true, 'ok']);
    expect(outcome(iommu.svaUnbindDevice(first))).toBe('EINVAL');
    third.witness.hold();
    value(iommu.svaUnbindDevice(second));
    expect(outcome(iommu.svaUnbindDevice(third))).toBe('EBUSY');
    third.witness.release();
    value(iommu.svaUnbindDevice(third));
    expect([outcome(write(pasid)), iommu.counters]).toEqual(['EFAULT', { pasids: 0, attachments: 0, faults: 1 }]);
    expect(pf.iommu.valid).toBe(false);
  });

  test('the same again is the same bond, to be unbound as often', () => {
    const { iommu, mdevs: [mdev], process } = withSva();
    const { domain: mm } = process('p');
    const [one, two] = [value(iommu.svaBindDevice(mdev, mm)), value(iommu.svaBindDevice(mdev, mm))];
    expect(one.witness).toBe(two.witness);
    value(iommu.svaUnbindDevice(one));
    expect(one.witness.valid).toBe(true);
    value(iommu.svaUnbindDevice(one));
    expect([one.witness.valid, outcome(iommu.svaUnbindDevice(two))]).toEqual([false, 'EINVAL']);
  });

  test('refusals: not probed, not switched on, more PASID than the device sends, none left; sva stays on while bound', () => {
    const { iommu, pf, mdevs: [mdev], process, state } = machine({ pasidWidth: 1 });
    const [{ domain: mm }, { domain: other }] = [process('p'), process('q')];
    const stranger = new Device('stranger', { state, requesterId: 1 });
    expect([iommu.svaBindDevice(stranger, mm), iommu.svaBindDevice(mdev, mm)].map(outcome)).toEqual(['ENODEV', 'EOPNOTSUPP']);
    value(iommu.enableFeature(pf, 'sva'));
    const bond = value(iommu.svaBindDevice(mdev, mm));
    expect([iommu.svaBindDevice(mdev, other), iommu.disableFeature(pf, 'sva'), iommu.releaseDevice(mdev)].map(outcome)).toEqual(['ENOSPC', 'EBUSY', 'EBUSY']);
    value(iommu.svaUnbindDevice(bond));
    value(iommu.disableFeature(pf, 'sva'));
  });

  test('a process that has a PASID is not bound to a device that cannot send it', () => {
    const { iommu, pf, process, state, space } = withSva({ mdevs: 2, pasidWidth: 4 });
    const narrow = new Device('narrow', { state, requesterId: 0x0500 });
    value(iommu.probeDevice(narrow, { pasidWidth: 1 }));
    value(iommu.enableFeature(narrow, 'sva'));
    value(iommu.attachDevicePasid(space('a').domain, pf));
    const { domain: mm } = process('p');
    expect(value(iommu.svaBindDevice(pf, mm)).witness.pasid).toBe(2);
    expect(outcome(iommu.svaBindDevice(narrow, mm))).toBe('ERANGE');
    expect(outcome(iommu.svaBindDevice(narrow, process('q').domain))).toBe('ENOSPC');
  });

  test('a supervisor address space serves privileged requests and no others; a user’s serves no privileged ones', () => {
    const { iommu, mdevs: [mdev], process, write } = withSva();
    const user = value(iommu.svaBindDevice(mdev, process('user').domain)).witness.pasid;
    const kernel = value(iommu.svaBindDevice(mdev, process('kernel', { supervisor: true }).domain)).witness.pasid;
    expect([write(user), write(user, 1, BASE, true), write(kernel), write(kernel, 1, BASE, true)].map(outcome)).toEqual(['ok', 'EFAULT', 'EFAULT', 'ok']);
  });

  test('when the process ends first, requests are blocked silently until the device is unbound', () => {
    const { iommu, mdevs: [mdev], process, write } = withSva();
    const { domain: mm } = process('p');
    const bond = value(iommu.svaBindDevice(mdev, mm));
    iommu.releaseMm(mm);
    expect([outcome(write(bond.witness.pasid)), iommu.counters.faults, bond.witness.valid, mm.mappings]).toEqual(['EFAULT', 0, true, []]);
    value(iommu.svaUnbindDevice(bond));
    expect([outcome(write(bond.witness.pasid)), iommu.counters.faults]).toEqual(['EFAULT', 1]);
  });

  test('any program of binds and unbinds agrees with counts by device and process', () => {
    const step = fc.record({ bind: fc.boolean(), device: fc.nat(2), mm: fc.nat(2) });
    fc.assert(fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const { iommu, pf, mdevs, process, write } = withSva({ pasidWidth: 2 });
      const devices = [pf, ...mdevs];
      const mms = [0, 1, 2].map((each) => process(`p${each}`));
      const bonds = new Map<string, SvaBond[]>();
      for (const { bind, device, mm } of steps) {
        const key = `${device}/${mm}`;
        const there = bonds.get(key) ?? [];
        if (bind) bonds.set(key, [...there, value(iommu.svaBindDevice(devices[device] as Device, mms[mm]?.domain as AddressSpace))]);
        else if (there[0] !== undefined) {
          expect(outcome(iommu.svaUnbindDevice(there[0]))).toBe('ok');
          bonds.set(key, there.slice(1));
        }
        const live = [...bonds].filter(([, list]) => list.length > 0);
        const pasids = new Map(live.map(([name, [bond]]) => [name.split('/')[1], bond?.witness.pasid]));
        expect(iommu.counters).toMatchObject({ pasids: pasids.size, attachments: pasids.size });
        expect(new Set(pasids.values()).size).toBe(pasids.size);
        for (const [name, list] of live) for (const bond of list) expect([bond.witness.valid, bond.witness.pasid]).toEqual([true, pasids.get(name.split('/')[1] ?? '')]);
        for (const [name, pasid] of pasids) {
          for (const each of mms) each.bytes[0] = 0;
          expect(outcome(write(pasid ?? 0, 1))).toBe('ok');
          expect(mms.findIndex(({ bytes }) => bytes[0] === 1)).toBe(Number(name));
        }
      }
    }), { numRuns: 60 });
  });
});

describe('page requests', () => {
  function paged(answer: boolean | 'lies') {
    const made = withSva({ probe: { pageRequests: true } });
    const bytes = new Uint8Array(4096);
    const asked: [bigint, string][] = [];
    const mm: AddressSpace = new AddressSpace(made.state, 'p', {
      handleFault(address, kind) {
        asked.push([address, kind]);
        if (answer === true) value(mm.map({ iova: address & ~0xfffn, size: 4096n, readable: true, writable: true, memory: bufferMemory(bytes) }));
        return answer !== false;
      },
    });
    const bond = value(made.iommu.svaBindDevice(made.mdevs[0], mm));
    return { ...made, bytes, asked, bond, pasid: bond.witness.pasid };
  }

  test('a page the process has is brought in, once, and the request goes on; others can run meanwhile', () => {
    const { iommu, pasid, asked, bytes, write } = paged(true);
    const steps = iommu.dma(RID).write(pasid, 0x5004n, Uint8Array.of(8));
    expect(steps.next()).toMatchObject({ done: false, value: { kind: 'memory' } });
    expect(steps.next()).toMatchObject({ done: true, value: { ok: true } });
    expect([asked, bytes[4], outcome(write(pasid, 9, 0x5004n)), iommu.pageRequests, iommu.counters.faults]).toEqual([[[0x5004n, 'write']], 8, 'ok', 1, 0]);
  });

  test.each([[false], ['lies' as const]])('a page it has not (%s) is a fault', (answer) => {
    const { iommu, pasid, asked, write } = paged(answer);
    expect([outcome(write(pasid, 9, 0x5000n)), asked.length, iommu.lastFault?.reason]).toEqual(['EFAULT', 1, 'first-level-not-present']);
  });

  test('a device that is detached while its page is brought in is blocked', () => {
    const { iommu, bond, pasid } = paged(true);
    const steps = iommu.dma(RID).write(pasid, 0x5000n, Uint8Array.of(8));
    steps.next();
    value(iommu.svaUnbindDevice(bond));
    expect([outcome(runToCompletion(steps)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'pasid-entry-not-present']);
  });

  test('without iopf nothing is asked', () => {
    const { iommu, mdevs: [mdev], state, write } = withSva();
    const mm = new AddressSpace(state, 'p', { handleFault: () => { throw new Error('asked'); } });
    expect(outcome(write(value(iommu.svaBindDevice(mdev, mm)).witness.pasid))).toBe('EFAULT');
  });
});
