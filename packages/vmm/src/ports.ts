// What a VMM needs of the machine around it, and the ways in which it can go about its work.
import type { Lock, StatePort, Steps, Trace } from '@siov/base';
import type { IrqBypass } from '@siov/vfio';
import type { PasidTranslation } from './pasid-translation.ts';
import type { Posting } from './posting.ts';

export interface VmmPorts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** A message for the guest's interrupt controller. */
  inject(address: bigint, data: number): Steps<void>;
  /**
   * The same from where nobody may wait: in the context of who signalled an eventfd (kvm_arch_set_irq_inatomic()). False:
   * not possible for this message now (-EWOULDBLOCK), and nothing has happened. Absent: never possible.
   */
  injectInAtomic?(address: bigint, data: number): boolean;
  /** Where irqfds find the interrupts that signal their eventfds. One for a host. */
  readonly bypass?: IrqBypass;
  /** The virtual CPU's posted-interrupt descriptor, or those of several. With it and `bypass`, interrupts are posted instead of signalled. */
  readonly posting?: Posting | readonly Posting[];
  /**
   * The lock that traps of all virtual CPUs and the main loop do their work under (the BQL of QEMU); a machine with several virtual
   * CPUs needs it, and its devices share it. Absent: nobody else traps.
   */
  readonly bigLock?: Lock;
  /** The virtual CPUs' translation of PASIDs; the machine's devices share it. Absent: one for this device. */
  readonly pasids?: PasidTranslation;
}

/**
 * When the device is told of which vectors (hw/vfio/pci.c; which version does what is from memory of QEMU's history).
 *
 * - `incremental` (QEMU before 6.0): enabling MSI-X takes vector 0, and a vector above all earlier ones is had by giving all up and
 *   asking for one more, as devices needed it that say NORESIZE.
 * - `highest-unmasked` (QEMU 6.0 to 8.1): the same, but enabling takes as many as the guest has unmasked by then.
 * - `all-at-enable`: enabling takes the whole table; nothing is ever given up. No QEMU does this with MSI-X; it is what they do with
 *   MSI.
 * - `dynamic` (QEMU since 8.2): enabling takes no vector, and each is taken alone; with a device that says NORESIZE by giving all up,
 *   as `incremental`. That QEMU asks for vectors that are unmasked already together, this one one by one.
 */
export type VmmPolicy = 'incremental' | 'highest-unmasked' | 'all-at-enable' | 'dynamic';

export interface VmmOptions {
  /** The host's name of the vCPU thread in a trap; where several virtual CPUs trap, of the one that does now. */
  readonly trapAgent: string | (() => string);
  /** `dynamic` when absent. */
  readonly policy?: VmmPolicy;
  /**
   * Unmasked vectors reach the guest through KVM, without the main loop; masking one gives the device the eventfd of the
   * main loop. False when absent: QEMU without KVM, which tells the device nothing of masking.
   */
  readonly irqfd?: boolean;
  /** Submission portals are mapped, so that stores to them do not trap. False when absent. */
  readonly mapPortals?: boolean;
}
