// Portals as VMMs map them: which pages there are, what a mapping reaches, and when it ends.
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { encodeDescriptor } from '@siov/datasheet';
import { VFIO_PCI_REGION, VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import { makeVirtual } from './fake-function.ts';

const { BAR0, BAR2, CONFIG } = VFIO_PCI_REGION;
const descriptor = encodeDescriptor({});

function machine() {
  const made = makeVirtual();
  const map = (offset: number, size = 0x1000) => made.vfio.mmap?.(BAR2, offset, size) ?? { ok: false as const, errno: 'EINVAL' as const };
  return { ...made, map };
}

describe('mmap', () => {
  test('offers the guest’s two MSI-X pages, each for itself', () => {
    const { vfio } = machine();
    const info = vfio.regionInfo(BAR2);
    expect(info).toMatchObject({ value: { sparse: [{ offset: 0, size: 0x1000 }, { offset: 0x1000, size: 0x1000 }] } });
    expect(info.ok && (info.value.flags & VFIO_REGION_INFO_FLAG.MMAP) !== 0).toBe(true);
  });

  test.each([
    ['the IMS pages, of which a guest has none', BAR2, 0x2000, 0x1000], ['the other one', BAR2, 0x3000, 0x1000], ['more than one page', BAR2, 0, 0x2000],
    ['beyond the portals', BAR2, 0x4000, 0x1000], ['nothing', BAR2, 0, 0], ['registers', BAR0, 0, 0x1000], ['config space', CONFIG, 0, 0x1000],
  ])('refuses %s', (_name, region, offset, size) => {
    expect(machine().vfio.mmap?.(region, offset, size)).toMatchObject({ errno: 'EINVAL' });
  });
});

test('a store reaches the IMS portal of the same kind at the same place, ENQCMD too, and without a trap', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1), fc.nat({ max: 63 }), fc.boolean(), (page, slot, posted) => {
      const { map, run, fake } = machine();
      const window = map(page * 0x1000);
      if (!window.ok) throw new Error('mmap');
      const store = posted ? window.value.submit(slot * 64, descriptor) : window.value.enqueue(slot * 64, descriptor);
      expect(run<unknown>(store)).toBe(posted ? undefined : true);
      expect(fake.submissions).toEqual([`wq 0 ${page === 0 ? 'unlimited' : 'limited'} IMS +${slot * 64}:64`]);
    }),
    { numRuns: 30 },
  );
});

test('a store behind the page or between its slots reaches nothing', () => {
  const { map, run, fake } = machine();
  const window = map(0);
  if (!window.ok) throw new Error('mmap');
  for (const offset of [0x1000, -64, 8, 0x2000]) {
    run(window.value.submit(offset, descriptor));
    expect(run(window.value.enqueue(offset, descriptor))).toBe(false);
  }
  expect(fake.submissions).toEqual([]);
});

test('a mapping ends with munmap, alone, and all with the user of the device', () => {
  const { map, run, fake, vfio } = machine();
  const [first, second] = [map(0x1000), map(0x1000)];
  if (!first.ok || !second.ok) throw new Error('mmap');
  const reached = () => [first.value, second.value].map((window) => run(window.enqueue(0, descriptor)));
  expect(reached()).toEqual([true, true]);
  first.value.unmap();
  first.value.unmap();
  expect(reached()).toEqual([false, true]);
  run(vfio.reset());
  expect(reached()).toEqual([false, true]);
  run(vfio.release());
  expect(reached()).toEqual([false, false]);
  const again = map(0x1000);
  expect(again.ok && run(again.value.enqueue(0, descriptor))).toBe(true);
  expect(fake.submissions).toHaveLength(5);
});
