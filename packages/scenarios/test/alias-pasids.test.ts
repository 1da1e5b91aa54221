import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, fail, must, ok, plainState, runToCompletion } from '@siov/base';
import { GENCAP, Msixperm, MSIXPERM_SIZE, Wqcfg } from '@siov/datasheet';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { DmaMapping, VfioDevice } from '@siov/vfio';
import { aliasPasids, asConfigurable, hostCounters, mediatedDevice } from '../src/index.ts';

const { BAR0 } = VFIO_PCI_REGION;
const PAGE = 0x1000;
const { layout } = mediatedDevice({ pasid: true });
const MODE = layout.offsets.wqcfg + Wqcfg.Mode.offset;

const word = (value: number) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
const entry = (pasid: number, pasidEnable = 1) => word(Number(Msixperm.of({ pasid, pasidEnable })));
const mode = (pasid: number, pasidEnable = 1) => word(Number(Wqcfg.Mode.of({ dedicated: 1, pasid, pasidEnable })));
const mapping = (page: number): DmaMapping => ({ iova: BigInt(page * PAGE), size: BigInt(PAGE), readable: true, writable: true, memory: bufferMemory(new Uint8Array(PAGE)) });

/** A device that only knows address spaces: `refuse` more mappings and it takes one, then none for a call. */
function recorded() {
  const spaces = new Map<number | 'default', Set<bigint>>([['default', new Set()]]);
  const fault = { countdown: 0, bind: false };
  const writes: number[] = [];
  const add = (space: Set<bigint>, iova: bigint) => {
    if (fault.countdown > 0 && --fault.countdown === 0) return fail('ENOMEM', 'no memory');
    if (space.has(iova)) return fail('EEXIST', 'is mapped');
    space.add(iova);
    return ok();
  };
  const take = (space: Set<bigint>, iova: bigint) => (space.delete(iova) ? ok() : fail('ENOENT', 'is not mapped'));
  const of = (gpasid: number | 'default') => spaces.get(gpasid) ?? new Set<bigint>();
  const inner = {
    name: 'device',
    *regionWrite(_index: number, offset: number) {
      writes.push(offset);
      return ok();
    },
    *dmaMap({ iova }: DmaMapping) { return add(of('default'), iova); },
    *dmaUnmap(iova: bigint) { return take(of('default'), iova); },
    *release() { spaces.forEach((_space, gpasid) => (gpasid === 'default' ? of(gpasid).clear() : spaces.delete(gpasid))); },
    pasids: {
      *bind(gpasid: number) {
        if (fault.bind) return fail('ENOSPC', 'none left');
        if (spaces.has(gpasid)) return fail('EBUSY', 'bound');
        spaces.set(gpasid, new Set());
        return ok(gpasid + 100);
      },
      *map(gpasid: number, { iova }: DmaMapping) { return add(of(gpasid), iova); },
      *unmap(gpasid: number, iova: bigint) { return take(of(gpasid), iova); },
      *unbind(gpasid: number) { return spaces.delete(gpasid) ? ok() : fail('ENOENT', 'not bound'); },
    },
  } as unknown as VfioDevice;
  const device = aliasPasids(plainState, inner, layout);
  const write = (offset: number, bytes: Uint8Array, region: number = BAR0) => runToCompletion(device.regionWrite(region, offset, bytes));
  const bound = () => [...spaces.keys()].filter((each) => each !== 'default');
  return { device, spaces, fault, writes, write, bound };
}

describe('aliasPasids', () => {
  test.each([
    ['an entry of the permission table', layout.offsets.msixperm + MSIXPERM_SIZE, entry(7), [7]],
    ['the first entry, in a write of eight bytes', layout.offsets.msixperm, Uint8Array.of(...entry(7), 0, 0, 0, 0), [7]],
    ["the queue's configuration", MODE, mode(9), [9]],
    ['the same as the second half of eight bytes', MODE - 4, Uint8Array.of(0, 0, 0, 0, ...mode(9)), [9]],
    ['an entry without PASID enable', layout.offsets.msixperm, entry(7, 0), []],
    ['PASID 0', layout.offsets.msixperm, entry(0), []],
    ['the upper half of an entry', layout.offsets.msixperm + 4, entry(7), []],
    ['behind the last entry', layout.offsets.msixperm + layout.msixEntries * MSIXPERM_SIZE, entry(7), []],
    ['a part of an entry', layout.offsets.msixperm, entry(7).subarray(0, 2), []],
  ])('%s', (_what, offset, bytes, gpasids) => {
    const { write, writes, bound } = recorded();
    expect(write(offset, bytes)).toEqual({ ok: true });
    expect([bound(), writes]).toEqual([gpasids, [offset]]);
  });

  test('the same bytes in another region name nothing', () => {
    const { write, bound } = recorded();
    write(layout.offsets.msixperm, entry(7), VFIO_PCI_REGION.BAR2);
    expect(bound()).toEqual([]);
  });

  test('a PASID that cannot be bound, or not be given all memory, stays unknown, and the write goes through', () => {
    const { device, write, writes, fault, bound } = recorded();
    must(runToCompletion(device.dmaMap(mapping(0))), 'mapping');
    fault.bind = true;
    write(MODE, mode(3));
    fault.bind = false;
    fault.countdown = 1;
    write(MODE, mode(3));
    expect([bound(), writes]).toEqual([[], [MODE, MODE]]);
    write(MODE, mode(3));
    expect(bound()).toEqual([3]);
  });

  test('every PASID that was named reaches what the device reaches, whatever is mapped, unmapped, refused and given up', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('name' as const), pasid: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('map' as const), page: fc.nat(5), fault: fc.nat(4) }),
      fc.record({ kind: fc.constant('unmap' as const), page: fc.nat(5) }),
      fc.record({ kind: fc.constant('release' as const) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const { device, spaces, fault, write, bound } = recorded();
        const named = new Set<number>();
        for (const each of operations) {
          const before = new Set(spaces.get('default'));
          if (each.kind === 'name') {
            write(layout.offsets.msixperm, entry(each.pasid));
            named.add(each.pasid);
          } else if (each.kind === 'unmap') runToCompletion(device.dmaUnmap(BigInt(each.page * PAGE), BigInt(PAGE)));
          else if (each.kind === 'release') {
            runToCompletion(device.release());
            named.clear();
          } else {
            fault.countdown = each.fault;
            const mapped = runToCompletion(device.dmaMap(mapping(each.page)));
            fault.countdown = 0;
            if (!mapped.ok) expect(spaces.get('default')).toEqual(before);
          }
          for (const gpasid of bound()) expect(spaces.get(gpasid)).toEqual(spaces.get('default'));
          expect(new Set(bound())).toEqual(named);
        }
      }),
    );
  });

  test('a virtual device named a PASID holds one of the host, until its VMM goes', () => {
    const { host, vfio } = mediatedDevice({ pasid: true });
    const device = aliasPasids(host.state, vfio, layout);
    const vmm = { name: 'QM', layer: 'test' };
    const before = hostCounters(host);
    must(host.executor.run(vmm, device.dmaMap(mapping(1))), 'mapping');
    must(host.executor.run(vmm, device.regionWrite(BAR0, layout.offsets.msixperm + MSIXPERM_SIZE, entry(5))), 'writing MSIXPERM');
    expect(hostCounters(host)['pasids']).toBe((before['pasids'] ?? 0) + 1);
    host.executor.run(vmm, device.release());
    expect(hostCounters(host)).toEqual(before);
  });
});

test('asConfigurable: GENCAP says so however it is read, nothing else changes', () => {
  const { host, vfio } = mediatedDevice();
  const device = asConfigurable(vfio);
  const read = (from: VfioDevice, offset: number, size: number) => {
    const bytes = new Uint8Array(size);
    must(host.executor.run({ name: 'QM', layer: 'test' }, from.regionRead(BAR0, offset, bytes)), 'reading');
    return bytes;
  };
  const whole = new DataView(read(device, GENCAP.offset, 8).buffer).getBigUint64(0, true);
  const plain = new DataView(read(vfio, GENCAP.offset, 8).buffer).getBigUint64(0, true);
  expect([GENCAP.configurationSupport.get(GENCAP.image(plain)), GENCAP.configurationSupport.get(GENCAP.image(whole)), whole ^ plain]).toEqual([0, 1, 1n << 31n]);
  expect(new DataView(read(device, GENCAP.offset, 4).buffer).getUint32(0, true)).toBe(Number(whole & 0xffffffffn));
  for (const offset of [0, GENCAP.offset + 4, 0x20, 0x30, 0x38, 0x60]) expect(read(device, offset, 4)).toEqual(read(vfio, offset, 4));
});
