// Every policy against the state machine that devices have for SET_IRQS: what is asked for is never refused, vectors the
// guest has unmasked are armed, and every eventfd is given back.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelEventFd, noTrace, ok, plainState } from '@siov/base';
import { PciIrqs, VFIO_PCI_IRQ } from '@siov/vfio';
import type { IrqSet } from '@siov/vfio';
import type { VmmPolicy } from '../src/index.ts';
import { attach, ENABLE, MASK_ALL, RecordingDevice } from './recording-device.ts';

const VECTORS = 3;

class KernelDevice extends RecordingDevice {
  readonly irqs: PciIrqs;
  readonly handed: ModelEventFd[] = [];
  /** Vectors the host has taken for it; vectors with an action. */
  taken = 0;
  readonly actions = new Set<number>();

  constructor(resize: 'classic' | 'dynamic') {
    super(VECTORS);
    const { actions } = this;
    const take = (count: number) => (this.taken = count);
    this.irqs = new PciIrqs({ state: plainState, trace: noTrace }, this.name, {
      counts: { [VFIO_PCI_IRQ.MSIX]: VECTORS },
      *enable(_index, count) { return ok(take(count)); },
      *disable() { take(0); },
      *arm(_index, vector) { actions.add(vector); return ok(); },
      *disarm(_index, vector) { actions.delete(vector); },
      *free() {},
    }, { resize });
    this.irqInfo = (index) => this.irqs.info(index);
  }

  override setIrqs(set: IrqSet): ReturnType<RecordingDevice['setIrqs']> {
    if (set.data.kind === 'eventfd') for (const fd of set.data.fds) if (fd instanceof ModelEventFd) this.handed.push(fd);
    return this.irqs.setIrqs(set);
  }
}

type Operation = readonly ['control', boolean, boolean] | readonly ['mask', number, 0 | 1];
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.tuple(fc.constant('control' as const), fc.boolean(), fc.boolean()),
  fc.tuple(fc.constant('mask' as const), fc.nat({ max: VECTORS - 1 }), fc.constantFrom(0 as const, 1 as const)),
);
const policies = fc.constantFrom<VmmPolicy[]>('incremental', 'highest-unmasked', 'all-at-enable', 'dynamic');

test('no policy is refused by a device of either kind, nor leaves a vector unarmed or an eventfd behind', () => {
  fc.assert(
    fc.property(policies, fc.constantFrom('classic' as const, 'dynamic' as const), fc.boolean(), fc.array(operation, { maxLength: 40, size: 'max' }), (policy, resize, irqfd, operations) => {
      const device = new KernelDevice(resize);
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
        expect([...device.actions]).toEqual(expect.arrayContaining(open));
        expect(device.handed.filter((fd) => !fd.closed).length).toBe(device.actions.size);
      }
      expect([device.taken, device.actions.size]).toEqual([0, 0]);
    }),
    { numRuns: 400 },
  );
});

test('dynamic grows, as the older QEMUs, where the device says NORESIZE', () => {
  const device = new KernelDevice('classic');
  const guest = attach(device);
  guest.control(ENABLE);
  expect([device.taken, device.actions.size]).toEqual([1, 0]);
  guest.setMask(1, 0);
  expect([device.taken, [...device.actions]]).toEqual([2, [1]]);
  guest.setMask(0, 0);
  expect([device.taken, [...device.actions]]).toEqual([2, [1, 0]]);
});
