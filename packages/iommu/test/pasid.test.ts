import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelError, plainState } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { FIRST_GLOBAL_PASID, PasidAllocator } from '../src/index.ts';
import { pasidAllocatorContract } from '../src/testing.ts';
import type { PasidAllocatorRig } from '../src/testing.ts';
import { machine, outcome, value } from './machine.ts';

function globalRig(): PasidAllocatorRig {
  const state = new ObservedState();
  const { iommu, pf, space } = machine({ state, pasidWidth: 4, reservedPasids: [1, 7] });
  const { domain } = space('a');
  return {
    first: FIRST_GLOBAL_PASID,
    end: 16,
    reserved: [1, 7],
    alloc: () => iommu.allocGlobalPasid(pf),
    free: (pasid) => iommu.freeGlobalPasid(pasid),
    attach: (pasid) => value(iommu.attachPasid(domain, pf, pasid)),
    detach: (pasid) => value(iommu.detachPasid(pf, pasid)),
    snapshot: () => [iommu.dump(), iommu.counters],
  };
}

function setRig(): PasidAllocatorRig {
  const { iommu, pf, space } = machine({ pasidWidth: 4, reservedPasids: [3] });
  const set = value(iommu.allocSet(null, 0));
  const { domain } = space('a');
  return {
    first: FIRST_GLOBAL_PASID,
    end: 16,
    reserved: [3],
    alloc: () => set.alloc(),
    free: (pasid) => set.free(pasid),
    attach: (pasid) => value(iommu.attachPasid(domain, pf, pasid)),
    detach: (pasid) => value(iommu.detachPasid(pf, pasid)),
    snapshot: () => [iommu.dump(), iommu.counters, set.list()],
  };
}

describe('global PASIDs keep the contract', () => pasidAllocatorContract(test, globalRig));
describe('PASIDs of a set keep the contract', () => pasidAllocatorContract(test, setRig));

describe('the contract finds', () => {
  const cases: [string, Partial<PasidAllocatorRig>][] = [
    ['an allocator that gives a reserved id', { reserved: [2] }],
    ['one that gives less than there is', { end: 17 }],
    ['one that frees anything', { free: () => ({ ok: true, value: undefined }) }],
    ['one whose witnesses never die', { detach: () => {} }],
  ];
  test.each(cases)('%s', (_what, change) => {
    const failed: string[] = [];
    pasidAllocatorContract((name, run) => {
      try {
        run();
      } catch {
        failed.push(name);
      }
    }, () => ({ ...globalRig(), ...change }));
    expect(failed).not.toEqual([]);
  });
});

describe('PasidAllocator', () => {
  const command = fc.record({ free: fc.boolean(), pasid: fc.nat(17), owner: fc.constantFrom('a', 'b'), min: fc.integer({ min: 1, max: 16 }), max: fc.integer({ min: 1, max: 20 }) });

  test('agrees with a map of owners: lowest of the range first, never 0, only the owner frees', () => {
    fc.assert(fc.property(fc.array(command, { maxLength: 60, size: 'max' }), fc.subarray([1, 4, 5, 15]), (commands, reserved) => {
      const pasids = new PasidAllocator(plainState, { width: 4, reserved });
      const model = new Map<number, string>();
      for (const { free, pasid, owner, min, max } of commands) {
        if (free) {
          const theirs = model.get(pasid) === owner;
          expect(outcome(pasids.free(owner, pasid))).toBe(theirs ? 'ok' : 'EINVAL');
          if (theirs) model.delete(pasid);
          continue;
        }
        let lowest = min;
        while (model.has(lowest) || reserved.includes(lowest)) lowest++;
        const there = lowest <= max && lowest < 16;
        expect(pasids.alloc(owner, { min, max })).toMatchObject(there ? { value: lowest } : { errno: 'ENOSPC' });
        if (there) model.set(lowest, owner);
      }
      expect(pasids.list().map(({ pasid, owner }) => [pasid, owner])).toEqual([...model].sort(([a], [b]) => a - b));
      expect([pasids.used, pasids.capacity]).toEqual([model.size, 15 - reserved.length]);
    }));
  });

  test('a width beyond the 20 bits of the PASID prefix is a programmer’s mistake', () => {
    for (const width of [0, 21, 2.5]) expect(() => new PasidAllocator(plainState, { width })).toThrow(ModelError);
  });
});

describe('global PASIDs', () => {
  test('a device gets none it cannot send, and none above it can be attached', () => {
    const { iommu, pf, mdevs: [mdev], space } = machine({ pasidWidth: 4, probe: { pasidWidth: 1 } });
    expect(iommu.allocGlobalPasid(pf)).toEqual({ ok: true, value: 1 });
    expect(iommu.allocGlobalPasid(pf)).toMatchObject({ errno: 'ENOSPC' });
    const set = value(iommu.allocSet(null, 0));
    expect(iommu.attachPasid(space('a').domain, mdev, value(set.alloc()))).toMatchObject({ errno: 'EINVAL' });
  });

  test('who did not get a PASID from there cannot free it there', () => {
    const { iommu, mdevs: [mdev], space } = machine();
    const { pasid } = value(iommu.attachDevicePasid(space('a').domain, mdev));
    expect(outcome(iommu.freeGlobalPasid(pasid))).toBe('EINVAL');
    expect(outcome(iommu.detachPasid(mdev, pasid))).toBe('EINVAL');
    expect(mdev.iommu.valid).toBe(true);
  });
});
