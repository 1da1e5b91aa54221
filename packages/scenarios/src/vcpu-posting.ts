// Virtual CPUs that interrupts are posted to: each has a descriptor in memory, and the host's notification makes it look there
// (vmx_deliver_posted_interrupt(), sysvec_kvm_posted_intr_ipi() of KVM; from memory of them).
import { must } from '@siov/base';
import type { PostedInterruptDescriptor } from '@siov/iommu';
import { IrqBypass } from '@siov/vfio';
import type { Posting } from '@siov/vmm';
import type { Host } from './host.ts';

/** POSTED_INTR_VECTOR: a system vector of the host. */
const NOTIFICATION = 0xf2;

/** One virtual CPU. */
export interface PostedVcpu {
  readonly to: Posting;
  /** From now on it takes what is posted to it: `raise` is its own interrupt controller. */
  run(raise: (vector: number) => void): void;
}

export class VcpuPosting {
  /** Where the irqfds of virtual machines and the interrupts of devices find each other. */
  readonly bypass: IrqBypass;
  readonly #host: Host;
  readonly #running: { readonly descriptor: PostedInterruptDescriptor; readonly raise: (vector: number) => void }[] = [];

  constructor(host: Host) {
    this.#host = host;
    this.bypass = new IrqBypass(host.state, 'host');
    // Whoever runs on the CPU that was told; here every virtual CPU has all the time in the world to look.
    host.vectors.installSystemVector(NOTIFICATION, () => {
      for (const { descriptor, raise } of this.#running) for (const vector of descriptor.take()) raise(vector);
    });
  }

  /** `count` virtual CPUs of one machine; their local APICs are numbered from 0. */
  vcpus(count: number): PostedVcpu[] {
    return Array.from({ length: count }, (_, apicId) => {
      const descriptor = must(this.#host.remapping.posted.alloc(), 'a posted-interrupt descriptor');
      descriptor.notify(0, NOTIFICATION);
      return { to: { descriptor: descriptor.address, apicId }, run: (raise) => this.#running.push({ descriptor, raise }) };
    });
  }
}
