import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, ModelError, noTrace, ok, plainState, runToCompletion } from '@siov/base';
import { Device } from '@siov/device';
import { FIRST_GLOBAL_PASID, Iommu, PagingDomain, PasidAllocator } from '../src/index.ts';
import type { IommuOptions } from '../src/index.ts';

const state = plainState;

function machine(options: IommuOptions = {}) {
  const iommu = new Iommu({ state, trace: noTrace }, options);
  const pf = new Device('dsa0', { state, requesterId: 0x6a01 });
  const mdevs = [0, 1].map((each) => new Device(`mdev${each}`, { state, parent: pf })) as [Device, Device];
  for (const device of [pf, ...mdevs]) iommu.probeDevice(device);
  const space = (name: string) => {
    const bytes = new Uint8Array(8192);
    const domain = new PagingDomain(state, name);
    domain.map({ iova: 0x10000n, size: 8192n, readable: true, writable: true, memory: bufferMemory(bytes) });
    return { domain, bytes };
  };
  return { iommu, pf, mdevs, space };
}

const value = <T>(result: { ok: true; value: T } | { ok: false; message: string }): T => {
  if (!result.ok) throw new Error(result.message);
  return result.value;
};

describe('PASIDs', () => {
  test('the allocator agrees with a set, lowest first, never 0', () => {
    fc.assert(fc.property(fc.array(fc.record({ free: fc.boolean(), pasid: fc.nat(16) }), { maxLength: 60 }), (steps) => {
      const pasids = new PasidAllocator(state, 4);
      const model = new Set<number>();
      for (const { free, pasid } of steps) {
        if (free) {
          expect(pasids.free(pasid)).toMatchObject(model.delete(pasid) ? { ok: true } : { errno: 'EINVAL' });
          continue;
        }
        let lowest = FIRST_GLOBAL_PASID;
        while (model.has(lowest)) lowest++;
        expect(pasids.alloc()).toMatchObject(lowest < 16 ? { value: lowest } : { errno: 'ENOSPC' });
        if (lowest < 16) model.add(lowest);
      }
      expect(pasids.used).toBe(model.size);
    }));
  });

  test('a width beyond the 20 bits of the PASID prefix is a programmer’s mistake', () => {
    for (const width of [0, 21, 2.5]) expect(() => new PasidAllocator(state, width)).toThrow(ModelError);
  });
});

describe('attaching', () => {
  test('R7: attaching a PASID makes it visible on the device, detaching takes it away; no driver sets it', () => {
    const { iommu, mdevs: [mdev], space } = machine();
    expect(mdev.iommu.valid).toBe(false);
    const pasid = value(iommu.attachDevicePasid(space('a').domain, mdev));
    expect(mdev.iommu).toEqual({ pasid, valid: true, generation: 1 });
    iommu.detachDevicePasid(mdev);
    expect(mdev.iommu).toMatchObject({ valid: false, generation: 2 });
  });

  test('R4: without scalable mode there is no PASID to attach: EOPNOTSUPP, and the device has none', () => {
    const { iommu, mdevs: [mdev], space } = machine({ scalable: false });
    expect(iommu.attachDevicePasid(space('a').domain, mdev)).toMatchObject({ errno: 'EOPNOTSUPP' });
    expect([mdev.iommu, iommu.counters]).toEqual([{ pasid: 0, valid: false, generation: 0 }, { pasids: 0, attachments: 0, faults: 0 }]);
  });

  test('R6: every refusal leaves record and counters as they were', () => {
    const { iommu, mdevs: [a, b], space, pf } = machine({ pasidWidth: 1 });
    const stranger = new Device('stranger', { state, requesterId: 1 });
    const { domain } = space('a');
    value(iommu.attachDevicePasid(domain, a));
    value(iommu.attachDevice(domain, pf));
    const before = [iommu.counters, { ...a.iommu }, { ...b.iommu }];
    expect(iommu.attachDevicePasid(domain, a)).toMatchObject({ errno: 'EBUSY' });
    expect(iommu.attachDevicePasid(domain, b)).toMatchObject({ errno: 'ENOSPC' });
    expect(iommu.attachDevicePasid(domain, stranger)).toMatchObject({ errno: 'ENODEV' });
    expect(iommu.attachDevice(domain, pf)).toMatchObject({ errno: 'EBUSY' });
    expect(iommu.attachDevice(domain, stranger)).toMatchObject({ errno: 'ENODEV' });
    expect([iommu.counters, a.iommu, b.iommu]).toEqual(before);
  });

  test('a mediated device has no requester id of its own: it is not attached, nor detached, in its parent’s place', () => {
    const { iommu, mdevs: [mdev], pf, space } = machine();
    const { domain } = space('host');
    expect(iommu.attachDevice(space('guest').domain, mdev)).toMatchObject({ errno: 'ENODEV' });
    value(iommu.attachDevice(domain, pf));
    iommu.detachDevice(mdev);
    expect(iommu.counters.attachments).toBe(1);
    iommu.detachDevice(pf);
    iommu.detachDevice(pf);
    expect(iommu.counters.attachments).toBe(0);
  });

  test('detaching again is harmless, and never frees the PASID of another', () => {
    const { iommu, mdevs: [a, b], space } = machine();
    const { domain } = space('a');
    const first = value(iommu.attachDevicePasid(domain, a));
    iommu.detachDevicePasid(a);
    expect(value(iommu.attachDevicePasid(domain, b))).toBe(first);
    iommu.detachDevicePasid(a);
    expect([b.iommu.valid, iommu.counters.pasids]).toEqual([true, 1]);
  });

  test('any sequence of attachments: PASIDs in use are distinct and are exactly those on the devices', () => {
    const step = fc.record({ attach: fc.boolean(), which: fc.nat(3) });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const iommu = new Iommu({ state, trace: noTrace }, { pasidWidth: 2 });
      const pf = new Device('dsa0', { state, requesterId: 5 });
      const devices = [0, 1, 2, 3].map((each) => new Device(`m${each}`, { state, parent: pf }));
      for (const device of devices) iommu.probeDevice(device);
      for (const { attach, which } of steps) {
        const device = devices[which] as Device;
        const generation = device.iommu.generation;
        if (attach) {
          const inUse = devices.filter((each) => each.iommu.valid).length;
          const expected = device.iommu.valid ? 'EBUSY' : inUse === 3 ? 'ENOSPC' : 'ok';
          const result = iommu.attachDevicePasid(new PagingDomain(state, 'x'), device);
          expect(result.ok ? 'ok' : result.errno).toBe(expected);
          expect(device.iommu.generation).toBe(generation + (result.ok ? 1 : 0));
        } else iommu.detachDevicePasid(device);
        const used = devices.filter((each) => each.iommu.valid).map((each) => each.iommu.pasid);
        expect(new Set(used).size).toBe(used.length);
        expect(iommu.counters).toEqual({ pasids: used.length, attachments: used.length, faults: 0 });
      }
    }));
  });
});

describe('DMA', () => {
  test('a request reaches the address space of its requester and PASID, and no other', () => {
    const { iommu, mdevs: [a, b], pf, space } = machine();
    const [host, guestA, guestB] = ['host', 'a', 'b'].map(space) as [ReturnType<typeof space>, ReturnType<typeof space>, ReturnType<typeof space>];
    value(iommu.attachDevice(host.domain, pf));
    const pasidA = value(iommu.attachDevicePasid(guestA.domain, a));
    value(iommu.attachDevicePasid(guestB.domain, b));
    const dma = iommu.dma(pf.requesterId);
    expect(runToCompletion(dma.write(pasidA, 0x10004n, Uint8Array.of(1, 2)))).toEqual(ok());
    expect(runToCompletion(dma.write(null, 0x10000n, Uint8Array.of(9)))).toEqual(ok());
    expect([host, guestA, guestB].map(({ bytes }) => [...bytes.subarray(0, 6)])).toEqual([[9, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 2], [0, 0, 0, 0, 0, 0]]);
    const read = new Uint8Array(2);
    runToCompletion(dma.read(pasidA, 0x10004n, read));
    expect([...read]).toEqual([1, 2]);
    iommu.detachDevicePasid(a);
    expect(runToCompletion(dma.read(pasidA, 0x10004n, read))).toMatchObject({ errno: 'EFAULT' });
    expect(iommu.lastFault).toEqual({ requesterId: 0x6a01, pasid: pasidA, address: 0x10004n, kind: 'read', reason: 'no-address-space' });
  });

  test('a request that crosses into unmapped addresses moves nothing and is recorded with the first address that failed', () => {
    const { iommu, pf, space } = machine();
    const { domain, bytes } = space('host');
    const more = new Uint8Array(4096);
    domain.map({ iova: 0x12000n, size: 4096n, readable: true, writable: false, memory: bufferMemory(more) });
    value(iommu.attachDevice(domain, pf));
    const dma = iommu.dma(pf.requesterId);
    expect(runToCompletion(dma.write(null, 0x11ffen, Uint8Array.of(1, 2, 3)))).toMatchObject({ errno: 'EFAULT' });
    expect(bytes.some((each) => each !== 0)).toBe(false);
    expect(iommu.lastFault).toMatchObject({ address: 0x12000n, kind: 'write', reason: 'not-mapped' });
    more[0] = 7;
    const read = new Uint8Array(3);
    expect(runToCompletion(dma.read(null, 0x11ffen, read))).toEqual(ok());
    expect([...read]).toEqual([0, 0, 7]);
    expect(iommu.counters.faults).toBe(1);
  });
});
