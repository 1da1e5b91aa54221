import { describe, expect, test } from 'vitest';
import { bufferMemory, runToCompletion } from '@siov/base';
import { Device } from '@siov/device';
import { AddressSpace } from '../src/index.ts';
import type { AddressSpaceOptions } from '../src/index.ts';
import { BASE, machine, outcome, RID, value } from './machine.ts';

const page = (iova: bigint, writable = true, bytes = new Uint8Array(4096)) => ({ iova, size: 4096n, readable: true, writable, memory: bufferMemory(bytes) });

describe('the interrupt range', () => {
  test('ends where it ends: what touches it from outside is memory', () => {
    const messages: number[][] = [];
    const { iommu, pf, space } = machine({ ports: { interrupts: { message: (...words) => messages.push(words) } } });
    const { domain } = space('host');
    const [before, after] = [new Uint8Array(4096), new Uint8Array(4096)];
    value(domain.map(page(0xfedff000n, true, before)));
    value(domain.map(page(0xfef00000n, true, after)));
    value(iommu.attachDevice(domain, pf));
    const dma = iommu.dma(RID);
    expect([runToCompletion(dma.write(null, 0xfedffffcn, Uint8Array.of(1, 2, 3, 4))), runToCompletion(dma.write(null, 0xfef00000n, Uint8Array.of(5, 6, 7, 8)))].map(outcome)).toEqual(['ok', 'ok']);
    expect([[...before.subarray(4092)], [...after.subarray(0, 4)], messages]).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], []]);
    expect(outcome(runToCompletion(dma.write(null, 0xfee00010n, Uint8Array.of(1, 2, 3, 4))))).toBe('ok');
    expect(messages).toEqual([[RID, 0, 0xfee00010, 0x04030201]]);
  });
});

describe('privilege', () => {
  test.each([[true], [false]])('is of the PASID prefix: without a PASID nobody asks for it (scalable mode %s)', (scalable) => {
    const { iommu, pf, space, process, write } = machine({ scalable });
    const { domain, bytes } = scalable ? process('user') : space('host');
    value(iommu.attachDevice(domain, pf));
    expect([outcome(write(null, 6, BASE, true)), bytes[0]]).toEqual(['ok', 6]);
  });
});

describe('what is refused', () => {
  test('legacy mode has a code for reads and one for writes', () => {
    const { iommu, pf, space, write } = machine({ scalable: false });
    value(iommu.attachDevice(space('host').domain, pf));
    expect([outcome(runToCompletion(iommu.dma(RID).read(null, 0n, new Uint8Array(1)))), iommu.lastFault?.reason]).toEqual(['EFAULT', 'legacy-no-read']);
    expect(iommu.faultLog.take()).toMatchObject({ code: 6, read: true });
    expect([outcome(write(null, 1, 0n)), iommu.faultLog.take()]).toEqual(['EFAULT', expect.objectContaining({ code: 5, read: false })]);
  });

  test('through a first level, a write to what can only be read has its own code', () => {
    const { iommu, pf, mdevs: [mdev], process, write } = machine();
    value(iommu.enableFeature(pf, 'sva'));
    const { domain: mm } = process('p');
    value(mm.map(page(0x40000n, false)));
    const { pasid } = value(iommu.svaBindDevice(mdev, mm)).witness;
    const refused = (result: Parameters<typeof outcome>[0]) => [outcome(result), iommu.lastFault?.reason, iommu.faultLog.take()?.code];
    expect(refused(write(pasid, 1, 0x40000n))).toEqual(['EFAULT', 'first-level-no-write', 0x85]);
    expect(refused(write(pasid, 1, 0x50000n))).toEqual(['EFAULT', 'first-level-not-present', 0x71]);
    expect(refused(runToCompletion(iommu.dma(RID).read(pasid, 0x50000n, new Uint8Array(1))))).toEqual(['EFAULT', 'first-level-not-present', 0x71]);
  });
});

describe('page requests', () => {
  /** A device that makes page requests, bound to an address space that answers as `options` say. */
  function bound(options: AddressSpaceOptions) {
    const made = machine({ probe: { pageRequests: true } });
    for (const feature of ['iopf', 'sva'] as const) value(made.iommu.enableFeature(made.pf, feature));
    const mm = new AddressSpace(made.state, 'mm', options);
    value(mm.map(page(BASE, false)));
    return { ...made, mm, pasid: value(made.iommu.svaBindDevice(made.mdevs[0], mm)).witness.pasid };
  }

  test('a write to a page that is only there for reading asks for it, as copy-on-write needs', () => {
    const copy = new Uint8Array(4096);
    const asked: unknown[] = [];
    const { mm, write, pasid, iommu } = bound({
      handleFault(address, kind) {
        asked.push([address, kind]);
        value(mm.unmap(BASE, 4096n));
        return mm.map(page(BASE, true, copy)).ok;
      },
    });
    expect([outcome(write(pasid, 9, BASE + 8n)), copy[8], asked, iommu.pageRequests]).toEqual(['ok', 9, [[BASE + 8n, 'write']], 1]);
  });

  test('what the rights of the request forbid is not asked for, nor what a request without PASID misses', () => {
    const never = { handleFault: () => { throw new Error('asked'); } };
    const kernel = bound({ ...never, supervisor: true });
    expect([outcome(kernel.write(kernel.pasid)), kernel.iommu.lastFault?.reason, kernel.iommu.pageRequests]).toEqual(['EFAULT', 'user-request', 0]);
    const { iommu, pf, mm, write } = bound(never);
    value(iommu.attachDevice(mm, pf));
    expect([outcome(write(null, 1, 0n)), iommu.pageRequests]).toEqual(['EFAULT', 0]);
  });

  test('a process that answers none has nothing there', () => {
    const { write, pasid, iommu } = bound({});
    expect([outcome(write(pasid, 1, 0n)), iommu.lastFault?.reason]).toEqual(['EFAULT', 'first-level-not-present']);
  });
});

describe('requesters', () => {
  test('functions with bit 7 of their id set, which the other half of the root entry serves, reach their own domain', () => {
    const { iommu, state, space } = machine();
    const spaces = [0x0580, 0x0500].map((requesterId) => {
      const device = new Device(`f${requesterId}`, { state, requesterId });
      const { domain, bytes } = space(device.name);
      value(iommu.probeDevice(device));
      value(iommu.attachDevice(domain, device));
      expect(outcome(runToCompletion(iommu.dma(requesterId).write(null, BASE, Uint8Array.of((requesterId & 0xff) + 1))))).toBe('ok');
      return bytes;
    });
    expect(spaces.map((bytes) => bytes[0])).toEqual([0x81, 1]);
  });
});
