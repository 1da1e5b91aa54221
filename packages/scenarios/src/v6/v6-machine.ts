// Flow c, the design that the review refuted (R14): a mediated device whose guest has PASIDs, with the interrupt set up under the
// device's default PASID first and given the guest's afterwards, so that it can fire in between (R21). Host, guest, VMM and device are those of flow d.
import { must, ok } from '@siov/base';
import type { Agent, Memory, Result, Steps } from '@siov/base';
import { Msixperm, MSIXPERM_SIZE } from '@siov/datasheet';
import { GuestDriver } from '@siov/guest';
import type { DmaMemory, GuestWorkQueue, PermissionBackend } from '@siov/guest';
import { DEFAULT_QUEUE } from '@siov/idxd';
import { tracedDevice } from '@siov/vfio';
import type { VmmPolicy } from '@siov/vmm';
import { GuestMachine } from '../guest-machine.ts';
import { InvariantWatch } from '../flows/verdicts.ts';
import type { FlowOptions } from '../flows/options.ts';
import { watchDomains, watchedHost } from '../invariants/watched-host.ts';
import type { WatchedHost, WatchOptions } from '../invariants/watched-host.ts';
import { v6Device } from './v6-device.ts';
import type { V6Device } from './v6-device.ts';

const HK: Agent = { name: 'HK', layer: 'scenarios' };
/** Bytes from BAR0's start to the virtual device's MSIXPERM. */
const MSIXPERM = 0x200;

/** Step 6 comes after request_irq(): nothing is written before it. */
const AFTERWARDS: PermissionBackend = {
  *grant({ virqs }, vector) {
    return ok({ virq: virqs[vector] ?? 0, entry: { index: vector, ims: false } });
  },
  *revoke({ function: function_, msixperm }, { vector }) {
    yield* function_.write(Msixperm, Msixperm.reset, msixperm + vector * MSIXPERM_SIZE);
  },
};

export interface V6Options extends Pick<FlowOptions, 'trace' | 'permissionCheck' | 'hostCpus'> {
  readonly vmm?: VmmPolicy;
  /** Guest vectors; 2 unless said. */
  readonly vectors?: number;
  /** The guest's kernel uses its PASID in the queue; else the queue has the device's default one. True unless said. */
  readonly queuePasid?: boolean;
  readonly guestCpus?: number;
  /** Where state is kept, and how large tables are. */
  readonly host?: Pick<WatchOptions, 'state' | 'memory' | 'limits' | 'entries' | 'profile'>;
  readonly ram?: Memory;
  /** Of the guest driver, for its completion records. */
  readonly dma?: (guest: GuestMachine) => DmaMemory;
}

export class V6Machine {
  readonly watched: WatchedHost;
  readonly watch: InvariantWatch;
  readonly device: V6Device;
  readonly guest: GuestMachine;
  readonly #options: V6Options;
  #driver: GuestDriver | null = null;
  #gpasid = 0;

  constructor(options: V6Options = {}) {
    this.#options = options;
    const { vectors = 2 } = options;
    const made: { device: V6Device | null } = { device: null };
    // What each interrupt is meant for, from the moment the guest has bound its PASID: it knows it before it asks.
    const meant = () => made.device?.pasids.hostPasid(this.#gpasid)?.pasid;
    const watched = watchedHost({
      cpus: options.hostCpus ?? 2,
      entries: 16,
      ...options.host,
      stored: () => meant(),
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      ...(options.permissionCheck === undefined ? {} : { permissionCheck: options.permissionCheck }),
    });
    this.watched = { ...watched, idOf: () => meant() ?? null };
    const { executor, trace } = watched.host;
    this.device = executor.run(HK, v6Device(watched.host, DEFAULT_QUEUE, vectors));
    made.device = this.device;
    watchDomains(watched);
    const vfio = tracedDevice(watched.history.vectors.watch(this.device.vfio, this.device.virtual.triggers, vectors), trace);
    this.guest = new GuestMachine(watched.host, [vfio], {
      mapPortals: true,
      cpus: options.guestCpus ?? 1,
      ...(options.ram === undefined ? {} : { ram: options.ram }),
      ...(options.vmm === undefined ? {} : { policy: options.vmm }),
    });
    executor.settle();
    this.watch = new InvariantWatch(this.watched);
  }

  get driver(): GuestDriver {
    if (this.#driver === null) throw new TypeError('the guest has not probed');
    return this.#driver;
  }

  get queue(): GuestWorkQueue {
    const [queue] = this.driver.queues;
    if (queue === undefined) throw new TypeError('the device has no work queue');
    return queue;
  }

  /** The guest's kernel PASID, and what is behind it on the host. */
  get pasids(): { readonly guest: number; readonly host: number; readonly default: number } {
    const host = this.device.pasids.hostPasid(this.#gpasid)?.pasid ?? -1;
    return { guest: this.#gpasid, host, default: this.device.virtual.device.iommu.pasid };
  }

  run<T>(steps: Steps<T>): T {
    return this.watch.run(this.watched.host.executor, this.guest.vcpu, steps);
  }

  /** Steps 2 and 3 up to request_irq()'s return: the PASID is bound, the device enabled, the interrupt requested. */
  *requestFirst(): Steps<Result<void>> {
    const probed = yield* this.probe();
    return probed.ok ? yield* this.queue.enable() : probed;
  }

  /** What comes before: the PASID is bound and the device enabled. */
  *probe(): Steps<Result<void>> {
    const { core, device, interruptParent, first } = this.guest;
    const own = this.#options.queuePasid === false;
    // Bound for somebody who is to use it later, while the queue works without.
    const bound = own ? yield* first.pasids.system() : ok(null);
    if (!bound.ok) return bound;
    const probed = yield* GuestDriver.probe(core, device, interruptParent, {
      permissions: AFTERWARDS,
      ...(own ? {} : { pasids: first.pasids }),
      ...(this.#options.dma === undefined ? {} : { dma: this.#options.dma(this.guest) }),
    });
    if (!probed.ok) return probed;
    this.#driver = probed.value;
    this.#gpasid = bound.value?.pasid ?? probed.value.systemPasid ?? 0;
    return yield* this.driver.enable();
  }

  /** Step 6: the guest writes MSIXPERM; the trap does step 7. `gpasid`: its kernel's unless said. */
  *thenPermit(vector = 1, gpasid = this.#gpasid): Steps<void> {
    yield* this.driver.function.write(Msixperm, Msixperm.of({ pasidEnable: 1, pasid: gpasid }), MSIXPERM + vector * MSIXPERM_SIZE);
  }

  /** The store's entry behind a vector of the guest. */
  entry(vector = 1) {
    return this.watched.host.silicon.imsEntry(must(this.device.virtual.triggers.hwirq(vector), 'an entry'));
  }
}
