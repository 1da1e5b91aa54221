// Every policy against the state machine that devices have for SET_IRQS: what is asked for is never refused, vectors the
// guest has unmasked are armed, and every eventfd is given back.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import type { VmmPolicy } from '../src/index.ts';
import { KernelDevice } from './kernel-device.ts';
import { attach, ENABLE, MASK_ALL } from './recording-device.ts';

const VECTORS = 3;

type Operation = readonly ['control', boolean, boolean] | readonly ['mask', number, 0 | 1];
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(fc.constant('control' as const), fc.boolean(), fc.boolean()),
  fc.tuple(fc.constant('mask' as const), fc.nat({ max: VECTORS - 1 }), fc.constantFrom(0 as const, 1 as const)),
);
const policies = fc.constantFrom<VmmPolicy[]>('incremental', 'highest-unmasked', 'all-at-enable', 'dynamic');

test('no policy is refused by a device of either kind, nor leaves a vector unarmed or an eventfd behind', () => {
  fc.assert(
    fc.property(policies, fc.constantFrom('classic' as const, 'dynamic' as const), fc.boolean(), fc.array(operation, { maxLength: 40, size: 'max' }), (policy, resize, irqfd, operations) => {
      const device = new KernelDevice(VECTORS, resize);
      const guest = attach(device, { policy, irqfd });
      const masks: (0 | 1)[] = Array.from({ length: VECTORS }, () => 1);
      let [enabled, masked] = [false, false];
      for (const each of [...operations, ['control', false, false] as const]) {
        if (each[0] === 'mask') {
          masks[each[1]] = each[2];
          guest.setMask(each[1], each[2]);
        } else {
          [enabled, masked] = [each[1], each[2]];
          guest.control((enabled ? ENABLE : 0) | (masked ? MASK_ALL : 0));
        }
        expect([guest.vmm.errors, device.irqs.index]).toEqual([[], enabled ? VFIO_PCI_IRQ.MSIX : null]);
        const open = enabled && !masked ? masks.flatMap((mask, vector) => (mask === 0 ? [vector] : [])) : [];
        expect([...device.actions.keys()]).toEqual(expect.arrayContaining(open));
        expect(device.handed.filter((fd) => !fd.closed).length).toBe(device.actions.size);
      }
      expect([device.taken, device.actions.size]).toEqual([0, 0]);
    }),
    { numRuns: 400 },
  );
});

test('dynamic grows, as the older QEMUs, where the device says NORESIZE', () => {
  const device = new KernelDevice(VECTORS, 'classic');
  const guest = attach(device);
  guest.control(ENABLE);
  expect([device.taken, device.actions.size]).toEqual([1, 0]);
  guest.setMask(1, 0);
  expect([device.taken, [...device.actions.keys()]]).toEqual([2, [1]]);
  guest.setMask(0, 0);
  expect([device.taken, [...device.actions.keys()]]).toEqual([2, [1, 0]]);
});
