// Software errors of the function, which belong to one of its guests or to none.
import { describe, expect, test } from 'vitest';
import { COMPLETION_STATUS, GENCTRL, INTCAUSE, SWERROR0, SWERROR1, SWERROR2 } from '@siov/datasheet';
import { DEFAULT_QUEUE, MDEV_TYPE_SHARED } from '../src/index.ts';
import { addVirtual, makeVirtual, SHARED_QUEUE, WITH_PASIDS } from './fake-function.ts';

const HANDLE = COMPLETION_STATUS.INTERRUPT_HANDLE;
const wanted = GENCTRL.of({ softwareErrorInterruptEnable: 1 });

/** As the function has it: of queue 0, unless said. */
const error = (fields: Parameters<typeof SWERROR0.of>[0] = {}) => ({
  first: SWERROR0.of({ valid: 1, error: HANDLE, descriptorValid: 1, wqIndexValid: 1, errorInfoValid: 1, operation: 3, ...fields }),
  second: SWERROR1.of({ errorInfo: 0x105 }),
  third: SWERROR2.of({ faultAddress: 0x1234n }),
});

type Made = ReturnType<typeof addVirtual>;
const told = ({ bar0, signals }: Made) => [SWERROR0.valid.get(bar0.read(SWERROR0)), bar0.read(INTCAUSE), signals[0]];
const NOTHING = [0, 0, 0];
const listening = <T extends Made>(made: T): T => {
  made.setIrqs(0, [true]);
  made.bar0.write(GENCTRL, wanted);
  return made;
};

describe('of a dedicated queue', () => {
  const QUEUE_3 = { ...DEFAULT_QUEUE, index: 3 };

  test('is the guest’s who has the queue: in its SWERROR, whose only queue is 0, and by vector 0', () => {
    const made = listening(makeVirtual({ queues: [QUEUE_3] }));
    made.virtual.report(error({ wqIndex: 3, pasid: made.virtual.device.iommu.pasid, overflow: 1 }));
    expect(SWERROR0.decode(made.bar0.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 0, error: HANDLE, wqIndexValid: 1, wqIndex: 0, operation: 3, pasid: 0 });
    expect([made.bar0.read(SWERROR1), made.bar0.read(SWERROR2)]).toEqual([error().second, error().third]);
    expect(told(made)).toEqual([1, INTCAUSE.of({ softwareError: 1 }), 1]);
  });

  test.each([['another queue', { wqIndex: 2 }], ['no queue', { wqIndex: 3, wqIndexValid: 0 }]])('of %s is not this guest’s', (_what, fields) => {
    const made = listening(makeVirtual({ queues: [QUEUE_3] }));
    made.virtual.report(error(fields));
    expect(told(made)).toEqual(NOTHING);
  });

  test('names the guest’s own PASID; one that is none of the guest’s is not told', () => {
    const made = listening(makeVirtual(WITH_PASIDS));
    made.virtual.report(error({ pasid: made.bind(9) }));
    expect(SWERROR0.pasid.get(made.bar0.read(SWERROR0))).toBe(9);
    made.bar0.write(SWERROR0, SWERROR0.of({ valid: 1 }));
    made.virtual.report(error({ pasid: 0xfffff }));
    expect([SWERROR0.pasid.get(made.bar0.read(SWERROR0)), ...told(made)]).toEqual([0, 1, INTCAUSE.of({ softwareError: 1 }), 2]);
  });

  test('while the guest has one, the next is lost but for overflow, and no message is sent; nor where it is not asked for', () => {
    const made = listening(makeVirtual());
    made.virtual.report(error());
    made.virtual.report(error({ error: COMPLETION_STATUS.INVALID_FLAGS }));
    expect(SWERROR0.decode(made.bar0.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 1, error: HANDLE });
    expect(told(made)).toEqual([1, INTCAUSE.of({ softwareError: 1 }), 1]);
    made.bar0.write(SWERROR0, SWERROR0.of({ valid: 1, overflow: 1 }));
    made.bar0.write(INTCAUSE, INTCAUSE.of({ softwareError: 1 }));
    made.bar0.write(GENCTRL, GENCTRL.reset);
    made.virtual.report(error());
    expect(told(made)).toEqual([1, 0, 1]);
  });
});

describe('of a shared queue', () => {
  test('is found by PASID: one of the guest’s, or of the device itself', () => {
    const first = listening(makeVirtual({ queues: [SHARED_QUEUE], type: MDEV_TYPE_SHARED }));
    const second = listening(addVirtual(first, first.driver, MDEV_TYPE_SHARED));
    const both = (fields: Parameters<typeof error>[0]) => {
      for (const { virtual } of [first, second]) virtual.report(error(fields));
      return [first, second].map((each) => (SWERROR0.valid.get(each.bar0.read(SWERROR0)) === 1 ? SWERROR0.pasid.get(each.bar0.read(SWERROR0)) : null));
    };
    const pasid = second.bind(9);
    expect(both({ pasid: 0xfffff })).toEqual([null, null]);
    expect(both({ pasid, descriptorValid: 0 })).toEqual([null, null]);
    expect(both({ pasid })).toEqual([null, 9]);
    expect(both({ pasid: first.virtual.device.iommu.pasid })).toEqual([0, 9]);
  });
});
