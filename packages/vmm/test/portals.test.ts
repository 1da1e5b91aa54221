import { describe, expect, test } from 'vitest';
import { fail, ModelError, ok, runToCompletion } from '@siov/base';
import { VFIO_PCI_REGION, VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import type { SparseArea, VfioDevice } from '@siov/vfio';
import { attach, RecordingDevice } from './recording-device.ts';

const { BAR2 } = VFIO_PCI_REGION;
const PORTALS: readonly SparseArea[] = [{ offset: 0x1000, size: 0x1000 }, { offset: 0x3000, size: 0x1000 }];

/** BAR2 with portals, and what reaches the device through them. */
class PortalDevice extends RecordingDevice {
  readonly stores: string[] = [];
  accepts = true;
  mappings = 0;

  constructor(sparse: { sparse?: readonly SparseArea[] } = { sparse: PORTALS }) {
    super(1);
    const flags = VFIO_REGION_INFO_FLAG.READ | VFIO_REGION_INFO_FLAG.WRITE | VFIO_REGION_INFO_FLAG.MMAP;
    this.shown.set(BAR2, { index: BAR2, size: 0x4000, flags, ...sparse });
  }

  mmap?: NonNullable<VfioDevice['mmap']> = (index, at, size) => {
    const { stores } = this;
    this.mappings += 1;
    const accepts = () => this.accepts;
    const unmap = () => void (this.mappings -= 1);
    return ok({
      *submit(offset, descriptor) {
        stores.push(`submit ${index}+0x${(at + offset).toString(16)} of ${size}: ${descriptor[0]}`);
      },
      *enqueue(offset, descriptor) {
        stores.push(`enqueue ${index}+0x${(at + offset).toString(16)} of ${size}: ${descriptor[0]}`);
        return accepts();
      },
      unmap,
    });
  };
}

const descriptor = (byte: number) => new Uint8Array(64).fill(byte);
/** The kinds of the points on the way. */
const points = (steps: Generator<{ kind: string }, unknown, void>) => [...steps].map(({ kind }) => kind);

describe('a mapped portal', () => {
  test('takes stores without a trap, at the place in the BAR they are made to', () => {
    const device = new PortalDevice();
    const { vmm } = attach(device, { mapPortals: true });
    device.accesses.length = 0;
    expect([points(vmm.submit(BAR2, 0x1040, descriptor(7))), points(vmm.enqueue(BAR2, 0x3fc0, descriptor(8)))]).toEqual([[], []]);
    expect(device.stores).toEqual(['submit 2+0x1040 of 4096: 7', 'enqueue 2+0x3fc0 of 4096: 8']);
    expect([device.accesses, vmm.errors]).toEqual([[], []]);
  });

  test('answers ENQCMD: false is "retry"', () => {
    const device = new PortalDevice();
    const { vmm } = attach(device, { mapPortals: true });
    expect(runToCompletion(vmm.enqueue(BAR2, 0x1000, descriptor(1)))).toBe(true);
    device.accepts = false;
    expect(runToCompletion(vmm.enqueue(BAR2, 0x1000, descriptor(1)))).toBe(false);
  });

  test('is a whole BAR where nothing says which parts', () => {
    const device = new PortalDevice({});
    const { vmm } = attach(device, { mapPortals: true });
    runToCompletion(vmm.submit(BAR2, 0x2000, descriptor(7)));
    expect(device.stores).toEqual(['submit 2+0x2000 of 16384: 7']);
  });

  test('is none between the areas, across an area’s end, and in another BAR: such a store traps', () => {
    const device = new PortalDevice();
    const { vmm } = attach(device, { mapPortals: true });
    for (const [region, offset] of [[BAR2, 0x2000], [BAR2, 0x1fe0], [BAR2, 0xfe0], [0, 0x1000]] as const) {
      expect(points(vmm.submit(region, offset, descriptor(7)))).toEqual(['trap', 'return']);
    }
    expect(device.stores).toEqual([]);
    expect(() => vmm.enqueue(BAR2, 0x2000, descriptor(7))).toThrow(ModelError);
  });

  test('goes when the VMM lets go of the device', () => {
    const device = new PortalDevice();
    const { vmm } = attach(device, { mapPortals: true });
    expect(device.mappings).toBe(2);
    runToCompletion(vmm.unrealize());
    expect(device.mappings).toBe(0);
  });

  test('that cannot be had is reported, and traps', () => {
    const refusing = new PortalDevice();
    refusing.mmap = () => fail('EINVAL', 'not today');
    const without = new PortalDevice();
    delete without.mmap;
    for (const device of [refusing, without]) {
      const { vmm } = attach(device, { mapPortals: true });
      expect(vmm.errors).toEqual([1, 2].map(() => (device === refusing ? 'mmap of region 2: -EINVAL: not today' : 'mmap of region 2: the device has none')));
      expect(points(vmm.submit(BAR2, 0x1000, descriptor(7)))).toEqual(['trap', 'return']);
    }
  });
});

test('without mapPortals nothing is mapped: a store traps, and ENQCMD has nobody to answer it', () => {
  const device = new PortalDevice();
  const { vmm } = attach(device);
  expect(device.mappings).toBe(0);
  expect(points(vmm.submit(BAR2, 0x1000, descriptor(7)))).toEqual(['trap', 'return']);
  expect(() => vmm.enqueue(BAR2, 0x1000, descriptor(7))).toThrow('ENQCMD does not reach a device behind this VMM');
});
