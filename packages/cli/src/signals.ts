// Counting what goes out of a device to its VMM: signals of eventfds, by vector.
import type { EventFd } from '@siov/base';
import { VFIO_PCI_IRQ } from '@siov/vfio';
import type { IrqSet, VfioDevice } from '@siov/vfio';

export interface CountedDevice {
  readonly device: VfioDevice;
  /** By MSI-X vector, from the beginning on; without a signal so far a vector is not there. */
  readonly signals: readonly number[];
}

/** `device` with every signal of its MSI-X eventfds counted. */
export function countSignals(device: VfioDevice): CountedDevice {
  const signals: number[] = [];
  const counted = (fd: EventFd, vector: number): EventFd => ({
    name: fd.name,
    // Still the same eventfd to whoever looks for its other end.
    context: fd.context ?? fd,
    signal() {
      signals[vector] = (signals[vector] ?? 0) + 1;
      fd.signal();
    },
    close: () => fd.close(),
  });
  const withCounted = (set: IrqSet): IrqSet => {
    if (set.index !== VFIO_PCI_IRQ.MSIX || set.data.kind !== 'eventfd') return set;
    return { ...set, data: { kind: 'eventfd', fds: set.data.fds.map((fd, each) => (fd === null ? null : counted(fd, set.start + each))) } };
  };
  return { device: { ...device, setIrqs: (set) => device.setIrqs(withCounted(set)) }, signals };
}
