// The guest's MSI-X vectors as requests to the device: which eventfd it gets for which vector, and when (hw/vfio/pci.c;
// what differs between versions is from memory of QEMU's history).
import { describeFailure, ModelEventFd, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { VFIO_IRQ_INFO, VFIO_PCI_IRQ } from '@siov/vfio';
import type { IrqInfo, IrqSet, VfioDevice } from '@siov/vfio';
import type { ErrorLog } from './error-log.ts';
import { KvmIrqfds } from './kvm-irqfds.ts';
import { MsixTable } from './msix-table.ts';
import type { VmmOptions, VmmPolicy, VmmPorts } from './ports.ts';

/** GSIs below are the pins of the IOAPIC (KVM_IOAPIC_NUM_PINS). */
const FIRST_MSI_GSI = 24;

interface State {
  /** Vectors the guest has unmasked, or enabling has taken, since MSI-X was enabled (VFIOMSIVector.use). */
  used: readonly number[];
  /** The device was asked for that many vectors (nr_vectors): a policy that grows gives them up to have more. */
  requested: number;
  /** Vectors that come into use are asked for later, together (defer_kvm_irq_routing). */
  deferred: boolean;
}

export class Vectors {
  readonly table: MsixTable;
  readonly irqfds: KvmIrqfds | null;
  readonly #ports: VmmPorts;
  readonly #device: VfioDevice;
  readonly #log: ErrorLog;
  readonly #policy: VmmPolicy;
  /** To have a vector above all earlier ones, all are given up and asked for again. */
  readonly #grows: boolean;
  readonly #state: State;
  /** One for each vector ever used, which the main loop reads; the device gets a duplicate each time. */
  readonly #eventfds: Map<number, ModelEventFd>;
  /** For KVM (kvm_interrupt), new ones in each use of MSI-X: an irqfd takes what was signalled before it was there. */
  readonly #kvmEventfds: Map<number, ModelEventFd>;

  constructor(ports: VmmPorts, options: VmmOptions, device: VfioDevice, irqs: IrqInfo, log: ErrorLog) {
    const name = `${device.name}/vmm`;
    this.#ports = ports;
    this.#device = device;
    this.#log = log;
    this.#policy = options.policy ?? 'dynamic';
    const fixed = (irqs.flags & VFIO_IRQ_INFO.NORESIZE) !== 0;
    this.#grows = this.#policy === 'dynamic' ? fixed : this.#policy !== 'all-at-enable';
    this.#eventfds = ports.state.map(`${name}/eventfds`);
    this.#kvmEventfds = ports.state.map(`${name}/kvm-eventfds`);
    this.#state = ports.state.record<State>(`${name}/vectors`, { used: [], requested: 0, deferred: false });
    this.irqfds = options.irqfd === true ? new KvmIrqfds(ports, log, `${name}/kvm`) : null;
    const notifier = {
      use: (vector: number) => this.#use(vector, true),
      release: (vector: number) => this.#released(vector),
      message: (vector: number) => this.#routeChanged(vector),
    };
    this.table = new MsixTable(ports.state, name, irqs.count, notifier, (address, data) => ports.inject(address, data));
  }

  /** The guest writes enable and function mask of message control. */
  *control(enable: boolean, functionMask: boolean): Steps<void> {
    const was = this.table.enabled;
    if (enable && !was) yield* this.#enter(functionMask);
    yield* this.table.control(enable, functionMask);
    if (this.#state.deferred) yield* this.#takeAll();
    if (!enable && was) yield* this.#disable();
  }

  /** The VMM's main loop: eventfds become messages, or pending bits while the vector is masked. To be spawned. */
  *mainLoop(): Steps<never> {
    const signalled = () => [...this.#eventfds.values()].some((each) => each.count > 0);
    for (;;) {
      yield* waitUntil(`eventfds of ${this.#device.name}`, signalled);
      const { bigLock } = this.#ports;
      yield* bigLock === undefined ? this.#dispatch() : bigLock.with(this.#dispatch());
    }
  }

  *#dispatch(): Steps<void> {
    for (const [vector, eventfd] of this.#eventfds) {
      if (eventfd.take() > 0) yield* this.table.notify(vector);
    }
  }

  /** The VMM lets go of the device, which may hold duplicates until it is released: nobody listens to them. */
  *close(): Steps<void> {
    if (this.irqfds !== null) yield* this.irqfds.deassignAll();
    for (const all of [this.#eventfds, this.#kvmEventfds]) {
      for (const eventfd of all.values()) eventfd.close();
      all.clear();
    }
  }

  /** vfio_msix_enable(): the device enters MSI-X mode while the guest still has its vectors masked. */
  *#enter(functionMask: boolean): Steps<void> {
    switch (this.#policy) {
      case 'dynamic':
        // With no vector assigned.
        yield* this.#setIrqs(0, [null]);
        return;
      case 'incremental':
        return yield* this.#use(0, false);
      case 'highest-unmasked':
        return yield* this.#use(functionMask ? 0 : this.#highestUnmasked(), false);
      case 'all-at-enable':
        this.#state.deferred = true;
    }
  }

  #highestUnmasked(): number {
    for (let vector = this.table.size - 1; vector > 0; vector--) if (!this.table.entryMasked(vector)) return vector;
    return 0;
  }

  /** The whole table in one request; as many as there are, where it says so (the rule for MSI, whose vectors come all at once). */
  *#takeAll(): Steps<void> {
    this.#state.deferred = false;
    const { size } = this.table;
    this.#state.requested = size;
    const available = yield* this.#setIrqs(0, this.#descriptors(size));
    if (available === 0 || available >= size) return;
    this.#state.requested = available;
    yield* this.#setIrqs(0, this.#descriptors(available));
  }

  /**
   * vfio_msix_vector_do_use(). The guest unmasked the vector, which is how its request_irq() reaches the host (R8): then it has a
   * message. Without one the vector is only taken, for the main loop.
   */
  *#use(vector: number, routed: boolean): Steps<void> {
    if (!this.#state.used.includes(vector)) this.#state.used = [...this.#state.used, vector];
    if (routed) yield* this.#route(vector);
    if (this.#state.deferred) return;
    const before = this.#state.requested;
    if (vector < before || !this.#grows) {
      yield* this.#setIrqs(vector, [this.#descriptor(vector)]);
      return;
    }
    this.#state.requested = vector + 1;
    yield* this.#giveUp(before > 0);
    yield* this.#setIrqs(0, this.#descriptors(vector + 1));
  }

  /** vfio_msix_vector_release(): from now on the main loop gets what is signalled, and makes it pending. */
  *#released(vector: number): Steps<void> {
    if (!this.table.enabled || !this.#isRouted(vector)) return;
    yield* this.#setIrqs(vector, [this.#descriptor(vector)]);
  }

  /** vfio_msix_disable(). What was signalled and not looked at yet belongs to vectors that are no more. */
  *#disable(): Steps<void> {
    const { used } = this.#state;
    for (const vector of [...used].sort((a, b) => a - b)) if (this.#isRouted(vector)) yield* this.#setIrqs(vector, [this.#descriptor(vector)]);
    yield* this.#giveUp(true);
    if (this.irqfds !== null) yield* this.irqfds.deassignAll();
    Object.assign(this.#state, { used: [], requested: 0 });
    for (const eventfd of this.#eventfds.values()) eventfd.take();
    for (const eventfd of this.#kvmEventfds.values()) eventfd.close();
    this.#kvmEventfds.clear();
  }

  /** vfio_disable_irqindex(). QEMU never looks whether it failed; here it is reported where there was something to give up. */
  *#giveUp(report: boolean): Steps<void> {
    const set = yield* this.#request(0, 0, { kind: 'none' });
    if (!set.ok && report) this.#log.report(`SET_IRQS 0+0: ${describeFailure(set)}`);
  }

  /** The vector's message goes to KVM; where that fails the main loop keeps the vector. */
  *#route(vector: number): Steps<void> {
    if (this.irqfds === null) return;
    const gsi = FIRST_MSI_GSI + vector;
    const irqfd = this.irqfds.find(gsi);
    if (irqfd !== undefined) return yield* irqfd.route(this.table.message(vector));
    const eventfd = this.#eventfd(this.#kvmEventfds, vector, `vector${vector}/kvm`);
    const assigned = yield* this.irqfds.assign(gsi, eventfd, this.table.message(vector));
    if (!assigned.ok) this.#log.report(describeFailure(assigned));
  }

  *#routeChanged(vector: number): Steps<void> {
    if (this.#isRouted(vector)) yield* this.#route(vector);
  }

  #isRouted(vector: number): boolean {
    return this.irqfds?.find(FIRST_MSI_GSI + vector) !== undefined;
  }

  #descriptors(count: number): (ModelEventFd | null)[] {
    return Array.from({ length: count }, (_, vector) => (this.#state.used.includes(vector) ? this.#descriptor(vector) : null));
  }

  /** What the device signals for a used vector: KVM's eventfd only where the vector has a route and is not masked. */
  #descriptor(vector: number): ModelEventFd {
    const kvm = this.#kvmEventfds.get(vector);
    const own = this.#eventfd(this.#eventfds, vector, `vector${vector}`);
    return (kvm !== undefined && this.#isRouted(vector) && !this.table.masked(vector) ? kvm : own).dup();
  }

  #eventfd(all: Map<number, ModelEventFd>, vector: number, name: string): ModelEventFd {
    const known = all.get(vector);
    if (known !== undefined) return known;
    const eventfd = new ModelEventFd(this.#ports.state, `${this.#device.name}/${name}`);
    all.set(vector, eventfd);
    return eventfd;
  }

  /** How many vectors there are instead, where there are fewer; 0 in all other cases. */
  *#setIrqs(start: number, fds: readonly (ModelEventFd | null)[]): Steps<number> {
    const set = yield* this.#request(start, fds.length, { kind: 'eventfd', fds });
    if (set.ok && set.value === 0) return 0;
    this.#log.report(`SET_IRQS ${start}+${fds.length}: ${set.ok ? `there are only ${set.value}` : describeFailure(set)}`);
    return set.ok ? set.value : 0;
  }

  #request(start: number, count: number, data: IrqSet['data']): ReturnType<VfioDevice['setIrqs']> {
    return this.#device.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start, count, action: 'trigger', data });
  }
}
