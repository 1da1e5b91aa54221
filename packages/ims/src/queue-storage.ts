// The queue: entries are shadows in normal memory, and the device learns of a change from a command its driver queues
// (IMS_MSI_QUEUE of the first drivers/irqchip/irq-ims-msi.c, August 2020; dropped later for lack of users).
import { fail, ModelError, ok, point, waitUntil } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { IrqCore, MsiMsg } from '@siov/irq';
import type { ImsControl, ImsDesc, ImsStorage } from './storage.ts';

/** An entry in normal memory: a record of the state port, kept by the driver, edited by the chip alone (R9). */
export interface ImsShadow {
  addressLo: number;
  addressHi: number;
  data: number;
  control: ImsControl;
}

/** The device driver's part (struct ims_queue_info). */
export interface ImsQueueDriver {
  /** Names the queue in states and agents. */
  readonly name: string;
  /** Entries. */
  readonly size: number;
  /**
   * queue_get_shadow(): the shadow of `desc.hwirq`, or null when the device has none for it. The kernel's chip numbers
   * its interrupts by device and index; here the number is the entry's, from the one bitmap all devices share (R26).
   */
  queueGetShadow(desc: ImsDesc): ImsShadow | null;
  /** queue_lock(): one holder at a time. May sleep. */
  queueLock(desc: ImsDesc): Steps<void>;
  /** queue_sync_unlock(): brings the shadow to the device, waits until the device obeys it, gives the lock back. */
  queueSyncUnlock(desc: ImsDesc): Steps<void>;
}

interface Entry {
  readonly desc: ImsDesc;
  readonly shadow: ImsShadow;
  readonly sync: {
    /** The lock is held and its holder has not begun to bring the shadow to the device. */
    collecting: boolean;
    /** Edited with nobody collecting. */
    dirty: boolean;
    /** A worker is on its way. */
    working: boolean;
  };
}

const edit = point('memory', 'edit of an IMS shadow');

export class ImsQueue implements ImsStorage {
  readonly size: number;
  readonly bus: NonNullable<ImsStorage['bus']>;
  readonly #core: IrqCore;
  readonly #driver: ImsQueueDriver;
  readonly #entries: Map<number, Entry>;

  constructor(core: IrqCore, driver: ImsQueueDriver) {
    this.size = driver.size;
    this.bus = { lock: (desc) => this.#lock(desc), syncUnlock: (desc) => this.#syncUnlock(desc) };
    this.#core = core;
    this.#driver = driver;
    this.#entries = core.ports.state.map(`ims/${driver.name}/entries`);
  }

  open(desc: ImsDesc): Result<void, 'ENOSPC'> {
    const shadow = this.#driver.queueGetShadow(desc);
    if (shadow === null) return fail('ENOSPC', `${this.#driver.name} has no shadow for entry ${desc.hwirq}, interrupt ${desc.index} of ${desc.device.name}`);
    const sync = this.#core.ports.state.record(`ims/${this.#driver.name}/sync${desc.hwirq}`, { collecting: false, dirty: false, working: false });
    this.#entries.set(desc.hwirq, { desc, shadow, sync });
    return ok();
  }

  *close({ hwirq }: ImsDesc): Steps<void> {
    const { sync } = this.#entry(hwirq);
    if (sync.working) yield* waitUntil(`the worker of entry ${hwirq} to end`, () => !sync.working);
    this.#entries.delete(hwirq);
  }

  *writeControl(slot: number, control: ImsControl): Steps<void> {
    yield edit;
    this.#edit(slot, { control });
  }

  *writeMessage(slot: number, { addressLo, addressHi, data }: MsiMsg): Steps<void> {
    yield edit;
    this.#edit(slot, { addressLo });
    yield edit;
    this.#edit(slot, { addressHi });
    yield edit;
    this.#edit(slot, { data });
  }

  #edit(slot: number, change: Partial<ImsShadow>): void {
    const entry = this.#entry(slot);
    const { shadow, sync } = entry;
    Object.assign(shadow, change);
    if (sync.collecting) return;
    // Interrupt context cannot take the lock. The kernel's chip leaves such an edit for whoever takes it next, and if it
    // was an unmask and nobody does, the interrupt is lost: here a worker takes it.
    sync.dirty = true;
    if (sync.working) return;
    sync.working = true;
    this.#core.ports.spawn({ name: `kworker/${this.#driver.name}:${slot}`, layer: 'ims' }, this.#work(entry));
  }

  *#work({ desc, sync }: Entry): Steps<void> {
    while (sync.dirty) {
      yield* this.#lock(desc);
      yield* this.#syncUnlock(desc);
    }
    sync.working = false;
  }

  *#lock(desc: ImsDesc): Steps<void> {
    yield* this.#driver.queueLock(desc);
    this.#entry(desc.hwirq).sync.collecting = true;
  }

  /** Edits that come after the driver has begun are not its holder's any more: they make the entry dirty again. */
  *#syncUnlock(desc: ImsDesc): Steps<void> {
    Object.assign(this.#entry(desc.hwirq).sync, { collecting: false, dirty: false });
    yield* this.#driver.queueSyncUnlock(desc);
  }

  #entry(slot: number): Entry {
    const entry = this.#entries.get(slot);
    if (entry === undefined) throw new ModelError(`entry ${slot} of ${this.#driver.name} is written while no interrupt has it`);
    return entry;
  }
}
