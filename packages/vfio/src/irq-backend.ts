// The real interrupts behind a device's vectors, as SET_IRQS asks for them: what request_irq() and its like are to it.
import type { EventFd, Result, Steps } from '@siov/base';
import type { SetIrqsErrno } from './device.ts';
import type { VFIO_PCI_IRQ } from './uapi.ts';

/** The indices of which a device uses one at a time (vdev->irq_type). */
export type DeviceIrqIndex = (typeof VFIO_PCI_IRQ)['INTX' | 'MSI' | 'MSIX'];

/** The pin's interrupt. Its handler masks the line before it signals (VFIO_IRQ_INFO_AUTOMASKED). */
export interface IntxBackend {
  /** Again is harmless. */
  mask(): Steps<void>;
  /** A line that is still asserted interrupts again. */
  unmask(): Steps<void>;
  /**
   * The line is unmasked whenever `fd` is signalled, without the user (vfio_virqfd_enable()); null: no more. Absent where
   * nobody can wait on an eventfd: then the user gets `ENOTTY`. A failure is the user's; the eventfd stays the caller's.
   */
  unmaskOn?(fd: EventFd | null): Steps<Result<void, SetIrqsErrno>>;
}

/**
 * All calls are made with the device's interrupt gate held, so one at a time. None of them closes an eventfd: they stay
 * with the caller.
 */
export interface IrqBackend {
  /** Interrupts by index; absent: 0. At most one INTx, one ERR, one REQ. */
  readonly counts: Readonly<Partial<Record<number, number>>>;
  /**
   * The device is about to use `index` with the vectors 0 to `count` - 1 (pci_alloc_irq_vectors()). The result is `count`,
   * or, with nothing taken, how many could be had, at least 1. Where vectors come one by one it may take them in
   * {@link arm} instead.
   */
  enable(index: DeviceIrqIndex, count: number): Steps<Result<number, SetIrqsErrno>>;
  /** The end of that: every vector is disarmed, all of them go. */
  disable(index: DeviceIrqIndex): Steps<void>;
  /** request_irq(): from some moment in this call on the interrupt signals `trigger`. A failure leaves no action behind. */
  arm(index: DeviceIrqIndex, vector: number, trigger: EventFd): Steps<Result<void, SetIrqsErrno>>;
  /** free_irq(): when it returns the trigger is signalled no more. Maybe armed again next, with the same interrupt. */
  disarm(index: DeviceIrqIndex, vector: number): Steps<void>;
  /** Only where vectors come one by one: a vector that is not armed, nor about to be, gives back what it has, if anything. */
  free(index: DeviceIrqIndex, vector: number): Steps<void>;
  /** Needed where there is an INTx. */
  readonly intx?: IntxBackend;
}
