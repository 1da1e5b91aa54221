import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DmaTable } from '../src/dma-table.ts';

const memory = { detach() {} };
const page = fc.bigInt(0n, 40n).map((each) => each * 4096n);

describe('DmaTable', () => {
  test('admits, finds and removes what a plain list would', () => {
    const operation = fc.record({ map: fc.boolean(), iova: page, size: page });
    fc.assert(fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const table = new DmaTable(8);
      let list: { iova: bigint; size: bigint }[] = [];
      for (const { map, iova, size } of operations) {
        const touched = list.filter((each) => each.iova < iova + size && iova < each.iova + each.size);
        if (map) {
          const admitted = table.admits(iova, size);
          const expected = size === 0n ? 'EINVAL' : touched.length > 0 ? 'EEXIST' : list.length === 8 ? 'ENOSPC' : 'ok';
          expect(admitted.ok ? 'ok' : admitted.errno).toBe(expected);
          if (!admitted.ok) continue;
          table.add({ iova, size, memory });
          list.push({ iova, size });
        } else {
          const found = table.inside(iova, size);
          const cut = touched.some((each) => each.iova < iova || each.iova + each.size > iova + size);
          expect(found.ok).toBe(size > 0n && !cut);
          if (!found.ok) continue;
          expect(found.value.map((each) => each.iova).sort()).toEqual(touched.map((each) => each.iova).sort());
          for (const range of found.value) table.remove(range);
          list = list.filter((each) => !touched.includes(each));
        }
        expect(table.ranges).toHaveLength(list.length);
        expect(table.mappedBytes).toBe(list.reduce((sum, each) => sum + each.size, 0n));
      }
    }));
  });

  test('the last page of the address space can be mapped, and nothing beyond', () => {
    const table = new DmaTable(8);
    expect(table.admits(0xffff_ffff_ffff_f000n, 0x1000n).ok).toBe(true);
    expect(table.admits(0xffff_ffff_ffff_f000n, 0x2000n)).toMatchObject({ errno: 'EINVAL' });
    table.add({ iova: 0xffff_ffff_ffff_f000n, size: 0x1000n });
    expect(table.inside(0n, 1n << 64n)).toMatchObject({ ok: true, value: [{ size: 0x1000n }] });
    expect(table.mappedBytes).toBe(0n);
  });
});
