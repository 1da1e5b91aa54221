import { describe, expect, test } from 'vitest';
import { plainState, runToCompletion } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { PciDevice } from '@siov/device';
import { pciPasidWidth } from '../src/index.ts';
import { machine, outcome, value } from './machine.ts';

function withSet() {
  const made = machine();
  return { ...made, set: value(made.iommu.allocSet({}, 4)) };
}

describe('a set', () => {
  test('is one mm’s; another mm has another', () => {
    const { iommu } = machine();
    const [one, other] = [{}, {}].map((token) => value(iommu.allocSet(token, 1)));
    expect([iommu.allocSet(one?.token, 1), iommu.allocSet(other?.token, 1)].map(outcome)).toEqual(['EEXIST', 'EEXIST']);
  });

  test('a name that was taken away is free for another PASID', () => {
    const { set } = withSet();
    const [one, other] = [value(set.alloc()), value(set.alloc())];
    value(set.attachSpid(one, 70));
    value(set.detachSpid(one));
    expect(outcome(set.findBySpid(70))).toBe('ENOENT');
    value(set.attachSpid(other, 70));
    expect(value(set.findBySpid(70))).toBe(other);
  });

  test('a subscriber that attaches a device while a PASID is being freed keeps it', () => {
    const { iommu, set, pf, space } = withSet();
    const pasid = value(set.alloc());
    const { domain } = space('a');
    const end = set.subscribe(({ event }) => {
      if (event === 'free') value(iommu.attachPasid(domain, pf, pasid));
    });
    expect([outcome(set.free(pasid)), set.has(pasid)]).toEqual(['EBUSY', true]);
    end();
    value(iommu.detachPasid(pf, pasid));
    value(set.free(pasid));
  });

  test('a subscriber that frees a PASID itself while it is being freed frees it once', () => {
    const { iommu, set } = withSet();
    const pasid = value(set.alloc());
    let outer = true;
    set.subscribe(({ event }) => {
      if (event !== 'free' || !outer) return;
      outer = false;
      value(set.free(pasid));
    });
    set.free(pasid);
    expect([outer, set.has(pasid), iommu.counters.pasids]).toEqual([false, false, 0]);
  });
});

test('only capabilities of the list count, wherever another word looks like one', () => {
  const view = new DataView(new ArrayBuffer(4096));
  for (const [at, word] of [[0, 0x1400_8086], [0x100, 0x0001_000f], [0x140, 0x0001_001b], [0x144, 0x1404]] as const) view.setUint32(at, word, true);
  const config: AccessPort = {
    *read(offset, size) { return size === 4 ? view.getUint32(offset, true) : view.getUint16(offset, true); },
    *write() {},
    *read64() { return 0n; },
    *write64() {},
  };
  const device = new PciDevice('dsa0', { state: plainState, requesterId: 1, resources: { config, bars: {} } });
  expect(outcome(runToCompletion(pciPasidWidth(device)))).toBe('ENODEV');
});
