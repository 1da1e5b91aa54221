// A VFIO device that writes down what its user asks of it, keeps the eventfds it was given, and fails when told to.
import { Executor, fail, noTrace, ok, plainState } from '@siov/base';
import type { EventFd, Failure, Result, Steps } from '@siov/base';
import { bypassToken, isDisable, VFIO_PCI_IRQ, VFIO_PCI_REGION } from '@siov/vfio';
import type { BypassProducer, IrqBypass, IrqInfo, IrqSet, PostedTarget, RegionInfo, VfioDevice } from '@siov/vfio';
import { VfioPci } from '../src/index.ts';
import type { VmmOptions, VmmPorts } from '../src/index.ts';

export const CAPABILITY = 0x60;
export const CONTROL = CAPABILITY + 2;
export const TABLE = 0x2000;
export const PBA = 0x3000;
export const ENABLE = 0x8000;
export const MASK_ALL = 0x4000;

export class RecordingDevice implements VfioDevice {
  readonly name = 'device';
  readonly info = { flags: 0, numRegions: 9, numIrqs: 5 };
  /** Config space; a walk over it finds PCI Express at 0x40, then MSI-X. */
  readonly config = new Uint8Array(4096);
  readonly bar0 = new Uint8Array(0x4000);
  /** Requests as `start+count:data`, data being `fd` (the main loop's), `kvm`, `-1` or `none` for each vector. */
  readonly sets: string[] = [];
  readonly accesses: string[] = [];
  /** What it says of regions beside config space and BAR 0. */
  readonly shown = new Map<number, RegionInfo>();
  /** What vector n signals, as the device holds it. */
  readonly triggers: (EventFd | null)[];
  refuse: Failure<'ENOSPC' | 'EINVAL'> | null = null;
  /** How many vectors the host has for it. */
  available = Infinity;
  vectors: number;
  /** Where its interrupts are posted to, as the host has it. */
  readonly targets: (PostedTarget | null)[];
  /** What was posted: the guest's vectors. */
  readonly posted: number[] = [];
  /** Refuses to post. */
  deaf = false;
  readonly #bypass: IrqBypass | undefined;
  readonly #producers: (BypassProducer | null)[];

  constructor(vectors: number, bypass?: IrqBypass) {
    this.vectors = vectors;
    this.#bypass = bypass;
    this.targets = Array.from({ length: vectors }, () => null);
    this.#producers = Array.from({ length: vectors }, () => null);
    this.triggers = Array.from({ length: vectors }, () => null);
    const view = new DataView(this.config.buffer);
    view.setUint8(0x34, 0x40);
    view.setUint16(0x40, (CAPABILITY << 8) | 0x10, true);
    view.setUint16(CAPABILITY, 0x0011, true);
    view.setUint16(CONTROL, vectors - 1, true);
    view.setUint32(CAPABILITY + 4, TABLE, true);
    view.setUint32(CAPABILITY + 8, PBA, true);
    this.bar0.fill(0x5a);
  }

  regionInfo = (index: number): Result<RegionInfo, 'EINVAL'> => ok(this.shown.get(index) ?? { index, flags: 3, size: this.#region(index)?.length ?? 0 });
  irqInfo = (index: number): Result<IrqInfo, 'EINVAL'> => ok({ index, flags: 1, count: index === VFIO_PCI_IRQ.MSIX ? this.vectors : 0 });

  *regionRead(index: number, offset: number, into: Uint8Array): ReturnType<VfioDevice['regionRead']> {
    const region = this.#region(index);
    if (region === undefined || offset + into.length > region.length) return fail('EINVAL', `region ${index} ends before ${offset}+${into.length}`);
    this.accesses.push(`read ${index}+0x${offset.toString(16)}:${into.length}`);
    into.set(region.subarray(offset, offset + into.length));
    return ok();
  }

  *regionWrite(index: number, offset: number, from: Uint8Array): ReturnType<VfioDevice['regionWrite']> {
    const region = this.#region(index);
    if (region === undefined || offset + from.length > region.length) return fail('EINVAL', `region ${index} ends before ${offset}+${from.length}`);
    this.accesses.push(`write ${index}+0x${offset.toString(16)}:${from.length}`);
    region.set(from, offset);
    return ok();
  }

  *setIrqs(set: IrqSet): ReturnType<VfioDevice['setIrqs']> {
    const { start, count, data } = set;
    const fds = data.kind === 'eventfd' ? data.fds : [];
    this.sets.push(`${start}+${count}:${data.kind === 'eventfd' ? fds.map(kindOf).join() : data.kind}`);
    if (this.refuse !== null) {
      for (const fd of fds) fd?.close();
      return this.refuse;
    }
    if (start + count > this.available) {
      for (const fd of fds) fd?.close();
      return ok(this.available);
    }
    if (isDisable(set)) for (let vector = 0; vector < this.vectors; vector++) yield* this.#arm(vector, null);
    for (const [each, fd] of fds.entries()) yield* this.#arm(start + each, fd);
    return ok(0);
  }

  *dmaMap() { return ok(); }
  *dmaUnmap() { return ok(); }
  *reset(): Steps<void> {}
  *release(): Steps<void> {}

  /** The hardware raises vector `vector`: lost, as in a host, where nothing is armed; posted where it is. */
  fire(vector: number): void {
    const target = this.targets[vector] ?? null;
    if (target === null) this.triggers[vector]?.signal();
    else this.posted.push(target.vector);
  }

  *#arm(vector: number, fd: EventFd | null): Steps<void> {
    const producer = this.#producers[vector] ?? null;
    if (producer !== null && this.#bypass !== undefined) yield* this.#bypass.unregisterProducer(producer);
    this.#producers[vector] = null;
    this.triggers[vector]?.close();
    this.triggers[vector] = fd;
    if (fd !== null && this.#bypass !== undefined) {
      const made = this.#producer(vector, fd);
      this.#producers[vector] = made;
      yield* this.#bypass.registerProducer(made);
    }
  }

  #producer(vector: number, fd: EventFd): BypassProducer {
    const { targets } = this;
    const refuses = () => this.deaf;
    return {
      token: bypassToken(fd),
      irq: 100 + vector,
      *post(target) {
        if (refuses()) return fail('ENODEV', 'no posting');
        targets[vector] = target;
        return ok();
      },
    };
  }

  #region(index: number): Uint8Array | undefined {
    return index === VFIO_PCI_REGION.CONFIG ? this.config : index === VFIO_PCI_REGION.BAR0 ? this.bar0 : undefined;
  }
}

/** Whose eventfd a vector has. */
export function kindOf(fd: EventFd | null): string {
  return fd === null ? '-1' : fd.name.endsWith('/kvm') ? 'kvm' : 'fd';
}

/** A machine around the device: what the guest does, and the messages its interrupt controller got. */
export function attach(device: RecordingDevice, options: Partial<VmmOptions> = {}, more: Partial<VmmPorts> = {}) {
  const executor = new Executor();
  const messages: string[] = [];
  const ports = {
    state: plainState,
    trace: noTrace,
    *inject(address: bigint, data: number): Steps<void> {
      messages.push(`${address.toString(16)}:${data}`);
    },
    ...more,
  };
  const guest = { name: 'VC0', layer: 'guest' };
  const run = <T>(steps: Steps<T>): T => executor.run(guest, steps);
  const realized = run(VfioPci.realize(ports, { trapAgent: 'VC0/host', ...options }, device));
  if (!realized.ok) throw new Error(realized.message);
  const vmm = realized.value;
  executor.spawn({ name: 'QM', layer: 'vmm' }, vmm.mainLoop());
  const work = vmm.kvmWork();
  if (work !== null) executor.spawn({ name: 'KVMw', layer: 'vmm' }, work);
  const config = vmm.region(VFIO_PCI_REGION.CONFIG);
  const bar0 = vmm.region(VFIO_PCI_REGION.BAR0);
  return {
    executor, vmm, messages, run, config, bar0,
    control: (value: number) => run(config.write(CONTROL, 2, value)),
    setMask: (vector: number, mask: 0 | 1) => run(bar0.write(TABLE + vector * 16 + 12, 4, mask)),
    message: (vector: number, address: number, data: number) => {
      run(bar0.write64(TABLE + vector * 16, BigInt(address)));
      run(bar0.write(TABLE + vector * 16 + 8, 4, data));
    },
    /** The main loop gets to run. */
    settle: () => executor.settle(),
    pending: () => run(bar0.read64(PBA)),
  };
}

