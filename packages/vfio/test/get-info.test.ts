import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ok } from '@siov/base';
import {
  answerWithChain, regionAt, regionOffset, REGION_INFO_SIZE, sparseMmapCapability, validateDeviceInfo, validateIrqInfo, validateRegionInfo, VFIO_IOCTL,
} from '../src/index.ts';

describe('what is asked', () => {
  test.each([
    ['GET_INFO', () => validateDeviceInfo({ argsz: 16 }), () => validateDeviceInfo({ argsz: 15 }), /argsz 15 is below the 16/],
    ['GET_REGION_INFO, argsz', () => validateRegionInfo({ argsz: 32, index: 8 }, 9), () => validateRegionInfo({ argsz: 31, index: 8 }, 9), /argsz 31 is below the 32/],
    ['GET_REGION_INFO, index', () => validateRegionInfo({ argsz: 99, index: 0 }, 9), () => validateRegionInfo({ argsz: 99, index: 9 }, 9), /index 9 is not below 9/],
    ['GET_IRQ_INFO, argsz', () => validateIrqInfo({ argsz: 16, index: 4 }, 5), () => validateIrqInfo({ argsz: 15, index: 4 }, 5), /argsz 15 is below the 16/],
    ['GET_IRQ_INFO, index', () => validateIrqInfo({ argsz: 16, index: 0 }, 5), () => validateIrqInfo({ argsz: 16, index: 5 }, 5), /index 5 is not below 5/],
  ] as const)('%s: the last that is right, the first that is EINVAL', (_what, right, wrong, message) => {
    expect(right()).toEqual(ok());
    expect(wrong()).toMatchObject({ errno: 'EINVAL', message: expect.stringMatching(message) });
  });
});

describe('a capability chain', () => {
  const chain = sparseMmapCapability([{ offset: 0x1000, size: 0x2000 }, { offset: 0x4000, size: 0x1_0000_0000 }]);

  test('says which parts of a region can be mapped', () => {
    expect([...new Uint32Array(chain.buffer)]).toEqual([0x10001, 0, 2, 0, 0x1000, 0, 0x2000, 0, 0x4000, 0, 0, 1]);
  });

  test('that does not fit is no error: the user learns the size; one that fits follows the structure', () => {
    expect(answerWithChain(REGION_INFO_SIZE, REGION_INFO_SIZE, chain)).toEqual({ argsz: 80, capOffset: 0, chain: new Uint8Array() });
    expect(answerWithChain(79, REGION_INFO_SIZE, chain)).toEqual({ argsz: 80, capOffset: 0, chain: new Uint8Array() });
    expect(answerWithChain(80, REGION_INFO_SIZE, chain)).toEqual({ argsz: 80, capOffset: 32, chain });
    expect(answerWithChain(40, REGION_INFO_SIZE, new Uint8Array())).toEqual({ argsz: 40, capOffset: 0, chain: new Uint8Array() });
  });
});

test('ioctl numbers: type ; from 100 on', () => {
  const { GET_API_VERSION, DEVICE_GET_INFO, DEVICE_GET_IRQ_INFO, DEVICE_SET_IRQS, DEVICE_RESET } = VFIO_IOCTL;
  expect([GET_API_VERSION, DEVICE_GET_INFO, DEVICE_GET_IRQ_INFO, DEVICE_SET_IRQS, DEVICE_RESET]).toEqual([0x3b64, 0x3b6b, 0x3b6d, 0x3b6e, 0x3b6f]);
});

test('an offset of the device’s file is a region and an offset in it', () => {
  expect([regionOffset(7), regionAt((7n << 40n) + 0x10n)]).toEqual([0x70000000000n, { index: 7, offset: 0x10 }]);
  fc.assert(fc.property(fc.nat(8), fc.nat(0x7fffffff), (index, offset) => {
    expect(regionAt(regionOffset(index) + BigInt(offset))).toEqual({ index, offset });
  }));
});
