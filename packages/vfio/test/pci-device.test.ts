import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, Executor, ok, recordTrace, runToCompletion } from '@siov/base';
import type { AccessPort, EventFd } from '@siov/base';
import {
  isDisable, pciVfioDevice, registerRegion, tracedDevice, VFIO_IRQ_INFO, VFIO_PCI_IRQ, VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_PCI_REGION, VFIO_REGION_INFO_FLAG,
} from '../src/index.ts';
import type { IrqSet, MappedWindow, PciBackend } from '../src/index.ts';
import { makeIrqs } from './irqs-machine.ts';

const SIZE = 64;

/** A device of one BAR of plain bytes that logs what it is asked. */
function make(more: Partial<PciBackend> = {}) {
  const log: string[] = [];
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  const port: AccessPort = {
    *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : view.getUint8(offset); },
    *write(offset, size, value) { if (size === 4) view.setUint32(offset, value, true); else if (size === 2) view.setUint16(offset, value, true); else view.setUint8(offset, value); },
    *read64(offset) { return view.getBigUint64(offset, true); },
    *write64(offset, value) { view.setBigUint64(offset, value, true); },
  };
  const backend: PciBackend = {
    name: 'dev',
    regions: { [VFIO_PCI_REGION.BAR0]: registerRegion(SIZE, port) },
    msixVectors: 3,
    dma: {
      map: ({ iova }) => { log.push(`map ${iova}`); return ok(); },
      unmap: (iova) => (iova === 0n ? ok('what was there') : { ok: false, errno: 'ENOENT', message: 'no' }),
      unmapAll: () => { log.push('unmap all'); },
    },
    *setMsix(set) { log.push(isDisable(set) ? 'disable' : `set ${set.start}+${set.count}`); return ok(0); },
    *reset() { log.push('reset'); },
    *released() { log.push('released'); },
    ...more,
  };
  return { device: pciVfioDevice(backend), log, bytes };
}

const request = (index: number, fds: (EventFd | null)[]): IrqSet => ({ index, start: 0, count: fds.length, action: 'trigger', data: { kind: 'eventfd', fds } });

describe('pciVfioDevice', () => {
  test('only the regions it has are there: the others are of size 0 and cannot be accessed', () => {
    const { device } = make();
    expect(device.info).toMatchObject({ numRegions: VFIO_PCI_NUM_REGIONS, numIrqs: VFIO_PCI_NUM_IRQS });
    expect(device.regionInfo(VFIO_PCI_REGION.BAR0)).toEqual(ok({ index: 0, size: SIZE, flags: 3 }));
    expect(device.regionInfo(VFIO_PCI_REGION.BAR2)).toEqual(ok({ index: 2, size: 0, flags: 0 }));
    for (const index of [-1, VFIO_PCI_NUM_REGIONS, Number.NaN]) expect(device.regionInfo(index)).toMatchObject({ errno: 'EINVAL' });
    expect(runToCompletion(device.regionRead(VFIO_PCI_REGION.BAR2, 0, new Uint8Array(1)))).toMatchObject({ errno: 'EINVAL' });
  });

  test('only MSI-X has interrupts, and without NORESIZE: vectors come and go one by one', () => {
    const { device } = make();
    const infos = Array.from({ length: VFIO_PCI_NUM_IRQS }, (_, index) => device.irqInfo(index));
    expect(infos).toEqual([0, 1, 2, 3, 4].map((index) => ok({ index, count: index === VFIO_PCI_IRQ.MSIX ? 3 : 0, flags: index === VFIO_PCI_IRQ.MSIX ? VFIO_IRQ_INFO.EVENTFD : 0 })));
    expect(device.irqInfo(VFIO_PCI_NUM_IRQS)).toMatchObject({ errno: 'EINVAL' });
  });

  test('a device with interrupts beside MSI-X shows them, and gives them up when its user is gone; vectors that come at once are NORESIZE', () => {
    const { irqs, fd, fds } = makeIrqs('classic');
    const { device } = make({ otherIrqs: irqs, noResize: true });
    expect(device.irqInfo(VFIO_PCI_IRQ.REQ)).toEqual(ok({ index: VFIO_PCI_IRQ.REQ, count: 1, flags: VFIO_IRQ_INFO.EVENTFD }));
    expect(device.irqInfo(VFIO_PCI_IRQ.MSIX)).toEqual(ok({ index: VFIO_PCI_IRQ.MSIX, count: 3, flags: VFIO_IRQ_INFO.EVENTFD | VFIO_IRQ_INFO.NORESIZE }));
    expect(runToCompletion(device.setIrqs(request(VFIO_PCI_IRQ.REQ, [fd()])))).toEqual(ok(0));
    runToCompletion(irqs.request());
    expect(fds.map(({ count, closed }) => [count, closed])).toEqual([[1, false]]);
    runToCompletion(device.release());
    expect(fds.map(({ closed }) => closed)).toEqual([true]);
  });

  test('only the parts of a region that can be mapped are; the region says which', () => {
    const asked: number[][] = [];
    const window: MappedWindow = { *submit() {}, *enqueue() { return true; }, unmap() {} };
    const areas = [{ offset: 0x1000, size: 0x1000 }, { offset: 0x3000, size: 0x2000 }];
    const portal = { size: 0x8000, *read() {}, *write() {}, mappable: { areas, map: (offset: number, size: number) => { asked.push([offset, size]); return window; } } };
    const { device } = make({ regions: { [VFIO_PCI_REGION.BAR2]: portal } });
    const { READ, WRITE, MMAP, CAPS } = VFIO_REGION_INFO_FLAG;
    expect(device.regionInfo(VFIO_PCI_REGION.BAR2)).toEqual(ok({ index: 2, size: 0x8000, flags: READ | WRITE | MMAP | CAPS, sparse: areas }));
    for (const [offset, size] of [[0x1000, 0x1000], [0x4000, 0x1000], [0x3000, 0x2000]] as const) expect(device.mmap?.(2, offset, size)).toEqual(ok(window));
    for (const [index, offset, size] of [[2, 0x1000, 0], [2, 0xfff, 0x1000], [2, 0x1000, 0x1001], [2, 0x2000, 0x1000], [2, 0x4000, 0x2000], [0, 0x1000, 0x1000], [9, 0x1000, 0x1000]] as const) {
      expect(device.mmap?.(index, offset, size)).toMatchObject({ errno: 'EINVAL' });
    }
    expect(asked).toEqual([[0x1000, 0x1000], [0x4000, 0x1000], [0x3000, 0x2000]]);
  });

  test('any access inside a region reads back what was written; any other is EINVAL and touches nothing', () => {
    fc.assert(fc.property(fc.integer({ min: -4, max: 70 }), fc.uint8Array({ maxLength: 20 }), (offset, data) => {
      const { device, bytes } = make();
      const inside = offset >= 0 && offset + data.length <= SIZE;
      const written = runToCompletion(device.regionWrite(0, offset, data));
      const into = new Uint8Array(data.length);
      const read = runToCompletion(device.regionRead(0, offset, into));
      expect([written.ok, read.ok]).toEqual([inside, inside]);
      if (inside) expect(into).toEqual(data);
      else expect(bytes.every((each) => each === 0)).toBe(true);
    }));
  });

  test('interrupts of another index are refused, and their eventfds closed: the device owns them from the call on', () => {
    const { device, log } = make();
    let closed = 0;
    const fd: EventFd = { name: 'fd', signal() {}, close() { closed += 1; } };
    expect(runToCompletion(device.setIrqs(request(VFIO_PCI_IRQ.MSI, [fd, null, fd])))).toMatchObject({ errno: 'EINVAL' });
    expect([closed, log]).toEqual([2, []]);
    expect(runToCompletion(device.setIrqs(request(VFIO_PCI_IRQ.MSIX, [fd])))).toEqual(ok(0));
    expect([closed, log]).toEqual([2, ['set 0+1']]);
  });

  test('release gives interrupts up, stops the device, and only then takes its memory away', () => {
    const { device, log } = make();
    runToCompletion(device.release());
    expect(log).toEqual(['disable', 'reset', 'unmap all', 'released']);
  });

  test('mappings are the address space’s to accept or refuse', () => {
    const { device, log } = make();
    const memory = bufferMemory(new Uint8Array(4096));
    expect(runToCompletion(device.dmaMap({ iova: 4096n, size: 4096n, readable: true, writable: true, memory }))).toEqual(ok());
    expect([runToCompletion(device.dmaUnmap(0n, 1n)), runToCompletion(device.dmaUnmap(1n, 1n))]).toEqual([ok(), expect.objectContaining({ errno: 'ENOENT' })]);
    expect(log).toEqual(['map 4096']);
  });
});

test('R8: a traced device shows each call as a crossing into vfio, and gives the same answers', () => {
  const { device } = make();
  const executor = new Executor();
  const crossings: string[] = [];
  const traced = tracedDevice(device, recordTrace(executor, () => 0, ({ from, to, operation }) => crossings.push(`${from} -> ${to} ${operation}`)));
  const agent = { name: 'vcpu0', layer: 'vmm' };
  const into = new Uint8Array(4);
  expect(executor.run(agent, traced.regionWrite(0, 4, Uint8Array.of(1, 2, 3, 4)))).toEqual(ok());
  expect(executor.run(agent, traced.regionRead(0, 4, into))).toEqual(ok());
  expect(executor.run(agent, traced.setIrqs(request(VFIO_PCI_IRQ.MSIX, [null])))).toEqual(ok(0));
  executor.run(agent, traced.reset());
  executor.run(agent, traced.release());
  expect([[...into], crossings]).toEqual([[1, 2, 3, 4], ['vmm -> vfio write', 'vmm -> vfio read', 'vmm -> vfio SET_IRQS', 'vmm -> vfio RESET', 'vmm -> vfio release']]);
  expect([traced.info, traced.regionInfo(0), traced.irqInfo(2)]).toEqual([device.info, device.regionInfo(0), device.irqInfo(2)]);
});
