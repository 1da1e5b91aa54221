// The host driver as a whole: a probed function, one IMS domain for it, its work queues, and the virtual devices it
// composes of them (docs/chain.md, before the guest).
import { ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { PciDevice } from '@siov/device';
import { giveUp, setUpFunction } from './function-parts.ts';
import type { FunctionParts, HostDriverPorts } from './function-parts.ts';
import { KernelQueue } from './kernel-queue.ts';
import type { KernelQueueErrno, KernelQueueOptions } from './kernel-queue.ts';
import { PhysicalFunction } from './physical-function.ts';
import type { ProbeErrno } from './physical-function.ts';
import { VirtualDevices } from './virtual-devices.ts';
import type { WorkQueueConfig } from './work-queue.ts';

/** Sixteen entries, middle priority, first queue, group and engine. */
export const DEFAULT_QUEUE: WorkQueueConfig = { index: 0, group: 0, engine: 0, size: 16, priority: 10 };

export class HostDriver {
  readonly physical: PhysicalFunction;
  readonly mdevs: VirtualDevices;
  readonly #ports: HostDriverPorts;
  readonly #parts: FunctionParts;
  readonly #kernel: { queues: readonly KernelQueue[] };

  private constructor(ports: HostDriverPorts, parts: FunctionParts) {
    this.#ports = ports;
    this.#parts = parts;
    this.#kernel = ports.core.ports.state.record<{ queues: readonly KernelQueue[] }>(`${parts.physical.device.name}/kernel-queues`, { queues: [] });
    this.physical = parts.physical;
    this.mdevs = new VirtualDevices(ports, parts);
  }

  /** Probes the function, makes its IMS domain, configures the queues and enables the device, and its shared queues. Errors as PhysicalFunction.probe. */
  static probe(ports: HostDriverPorts, device: PciDevice, queues: readonly WorkQueueConfig[] = [DEFAULT_QUEUE]): Steps<Result<HostDriver, ProbeErrno>> {
    return ports.core.ports.trace.cross('idxd', 'probe', { device: device.name }, HostDriver.#probe(ports, device, queues));
  }

  static *#probe(ports: HostDriverPorts, device: PciDevice, configs: readonly WorkQueueConfig[]): Steps<Result<HostDriver, ProbeErrno>> {
    const physical = yield* PhysicalFunction.probe(ports.core, device, ports.interruptParent);
    if (!physical.ok) return physical;
    const parts = yield* setUpFunction(ports, physical.value, configs);
    if (!parts.ok) yield* giveUp(physical.value);
    return parts.ok ? ok(new HostDriver(ports, parts.value)) : parts;
  }

  /** A queue for the host kernel itself. Errors as {@link KernelQueue.open}. */
  openKernelQueue(options: KernelQueueOptions): Steps<Result<KernelQueue, KernelQueueErrno>> {
    const { trace } = this.#ports.core.ports;
    return trace.cross('idxd', 'open_kernel_queue', { device: this.physical.device.name }, this.#openKernelQueue(options));
  }

  *#openKernelQueue(options: KernelQueueOptions): Steps<Result<KernelQueue, KernelQueueErrno>> {
    const opened = yield* KernelQueue.open(this.#ports, this.#parts, options);
    if (opened.ok) this.#kernel.queues = [...this.#kernel.queues, opened.value];
    return opened;
  }

  /** Undoes {@link probe}; the virtual devices go first, then the kernel's queues, the last one first. */
  *remove(): Steps<void> {
    for (const mdev of this.mdevs.children) yield* this.mdevs.remove(mdev);
    for (const queue of this.#kernel.queues.toReversed()) yield* queue.close();
    this.#kernel.queues = [];
    yield* giveUp(this.physical);
  }
}
