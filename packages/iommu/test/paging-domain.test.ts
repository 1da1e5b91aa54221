import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { bufferMemory, ok, plainState } from '@siov/base';
import { PagingDomain } from '../src/index.ts';
import type { IommuMapping } from '../src/index.ts';

const PAGE = 4096n;

function mapping(page: number, pages: number, change: Partial<IommuMapping> = {}): IommuMapping {
  return { iova: BigInt(page) * PAGE, size: BigInt(pages) * PAGE, readable: true, writable: true, memory: bufferMemory(new Uint8Array(pages * 4096)), ...change };
}

describe('PagingDomain', () => {
  test('any sequence of maps and unmaps agrees with a page-by-page reference', () => {
    const step = fc.record({ unmap: fc.boolean(), page: fc.nat(15), pages: fc.integer({ min: 1, max: 5 }), readable: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const domain = new PagingDomain(plainState, 'd');
      const reference = new Map<number, { of: IommuMapping; index: number }>();
      for (const { unmap, page, pages, readable } of steps) {
        const range = Array.from({ length: pages }, (_, each) => page + each);
        if (unmap) {
          const there = reference.get(page);
          const exact = there !== undefined && there.index === 0 && there.of.size === BigInt(pages) * PAGE;
          expect(domain.unmap(BigInt(page) * PAGE, BigInt(pages) * PAGE).ok).toBe(exact);
          if (exact) for (const each of range) reference.delete(each);
        } else {
          const made = mapping(page, pages, { readable });
          const free = range.every((each) => !reference.has(each));
          const result = domain.map(made);
          expect(result.ok ? 'ok' : result.errno).toBe(free ? 'ok' : 'EEXIST');
          if (free) for (const [index, each] of range.entries()) reference.set(each, { of: made, index });
        }
        for (let at = 0; at < 22; at++) {
          const there = reference.get(at);
          for (const inPage of [0, 1, 4095]) {
            const address = BigInt(at * 4096 + inPage);
            const expected = there === undefined ? null : { memory: there.of.memory, offset: there.index * 4096 + inPage, left: Number(there.of.size) - there.index * 4096 - inPage };
            expect(domain.translate(address, 'write')).toEqual(expected);
            expect(domain.translate(address, 'read')).toEqual(there?.of.readable === true ? expected : null);
          }
        }
      }
      domain.unmapAll();
      expect(domain.mappings).toEqual([]);
    }), { numRuns: 60 });
  });

  test.each<[string, Partial<IommuMapping>, string]>([
    ['empty', { size: 0n }, 'EINVAL'],
    ['of negative size', { size: -4096n }, 'EINVAL'],
    ['unaligned in address', { iova: 1n }, 'EINVAL'],
    ['unaligned in size', { size: 4095n }, 'EINVAL'],
    ['past 2^64', { iova: (1n << 64n) - PAGE, size: 2n * PAGE }, 'EINVAL'],
    ['neither readable nor writable', { readable: false, writable: false }, 'EINVAL'],
    ['larger than the memory behind it', { size: 2n * PAGE }, 'EINVAL'],
    ['overlapping', { iova: 4n * PAGE }, 'EEXIST'],
  ])('a mapping that is %s is refused and changes nothing', (_what, change, errno) => {
    const domain = new PagingDomain(plainState, 'd');
    domain.map(mapping(4, 1));
    expect(domain.map(mapping(8, 1, change))).toMatchObject({ errno });
    expect(domain.mappings).toHaveLength(1);
  });

  test('the last page below 2^64 can be mapped', () => {
    const domain = new PagingDomain(plainState, 'd');
    expect(domain.map(mapping(0, 1, { iova: (1n << 64n) - PAGE }))).toEqual(ok());
    expect(domain.translate((1n << 64n) - 1n, 'read')).toMatchObject({ offset: 4095, left: 1 });
  });

  test('ENOSPC: no mapping is left; an overlap is EEXIST even then, as in vfio_dma_do_map()', () => {
    const domain = new PagingDomain(plainState, 'd', { limit: 2 });
    domain.map(mapping(0, 1));
    domain.map(mapping(1, 1));
    expect(domain.map(mapping(2, 1))).toMatchObject({ errno: 'ENOSPC' });
    expect(domain.map(mapping(1, 1))).toMatchObject({ errno: 'EEXIST' });
    domain.unmap(0n, PAGE);
    expect(domain.map(mapping(2, 1))).toEqual(ok());
  });
});
