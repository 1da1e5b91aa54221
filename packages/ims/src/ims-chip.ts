// The IMS irq chip. It alone writes entries (R9, R13), and every control word as a whole: what it holds follows from the id
// bound to the entry, never from what was read back, so id and unmask become visible in one write (R10, R15).
import type { StatePort, Steps, Trace, TraceValues } from '@siov/base';
import { ImsEntry } from '@siov/datasheet';
import type { ChipFlags, IrqData, MsiChip, MsiMsg } from '@siov/irq';
import type { EntryIds } from './entry-ids.ts';
import { EMPTY_MESSAGE, entryMessage } from './storage.ts';
import type { ImsControl, ImsDesc, ImsStorage } from './storage.ts';

export class ImsChip implements MsiChip {
  readonly name = 'IMS';
  /** Messages cannot storm; the message must not be rewritten when the entry is unmasked. */
  readonly flags: ChipFlags = { oneshotSafe: true, affinityPreStartup: true, skipSetWake: true };
  /** Only for storages that need one. */
  readonly irqBusLock?: (data: IrqData) => Steps<void>;
  readonly irqBusSyncUnlock?: (data: IrqData) => Steps<void>;
  readonly #trace: Trace;
  readonly #storage: ImsStorage;
  readonly #ids: EntryIds;
  /** Control word, without the mask bit, of every entry that holds an id or is started. */
  readonly #live: Map<number, ImsControl>;

  constructor(ports: { state: StatePort; trace: Trace }, name: string, storage: ImsStorage, ids: EntryIds) {
    this.#trace = ports.trace;
    this.#storage = storage;
    this.#ids = ids;
    this.#live = ports.state.map(`ims/${name}/live`);
    const { bus } = storage;
    if (bus === undefined) return;
    this.irqBusLock = (data) => this.#cross('irq_bus_lock', { slot: data.hwirq }, bus.lock(data.chipData as ImsDesc));
    this.irqBusSyncUnlock = (data) => this.#cross('irq_bus_sync_unlock', { slot: data.hwirq }, bus.syncUnlock(data.chipData as ImsDesc));
  }

  /** An entry nobody uses: masked, no id, no message. */
  resetSlot(slot: number): Steps<void> {
    return this.#cross('reset_slot', { slot }, this.#wipe(slot));
  }

  /** The id into an entry that stays masked, when it is handed out instead of at start-up (R11). */
  programSlot(slot: number): Steps<void> {
    return this.#cross('program_slot', { slot }, this.#write(slot, true));
  }

  /** Whether anything but reset values may be in the entry. */
  isLive(slot: number): boolean {
    return this.#live.has(slot);
  }

  irqWriteMsiMsg({ hwirq: slot }: IrqData, message: MsiMsg): Steps<void> {
    const { addressLo: address, data } = message;
    return this.#cross('irq_write_msi_msg', { slot, address, data }, this.#storage.writeMessage(slot, entryMessage(message)));
  }

  /** First unmask: the id bound when the interrupt was activated, or allocated. */
  irqStartup({ hwirq: slot }: IrqData): Steps<void> {
    return this.#cross('irq_startup', { slot }, this.#write(slot, false));
  }

  irqMask({ hwirq: slot }: IrqData): Steps<void> {
    return this.#cross('irq_mask', { slot }, this.#storage.writeControl(slot, ImsEntry.Control.mask.set(this.#control(slot), 1)));
  }

  irqUnmask({ hwirq: slot }: IrqData): Steps<void> {
    return this.#cross('irq_unmask', { slot }, this.#storage.writeControl(slot, this.#control(slot)));
  }

  /** Masked and without id or message: nothing is left for the caller to clear (R23). */
  irqShutdown({ hwirq: slot }: IrqData): Steps<void> {
    return this.#cross('irq_shutdown', { slot }, this.#wipe(slot));
  }

  *#write(slot: number, masked: boolean): Steps<void> {
    const control = this.#ids.control(slot);
    this.#live.set(slot, control);
    yield* this.#storage.writeControl(slot, masked ? ImsEntry.Control.mask.set(control, 1) : control);
  }

  /** Masked first: from then on nothing fires, and the rest may take its time. */
  *#wipe(slot: number): Steps<void> {
    this.#live.delete(slot);
    yield* this.#storage.writeControl(slot, ImsEntry.Control.reset);
    yield* this.#storage.writeMessage(slot, EMPTY_MESSAGE);
  }

  #control(slot: number): ImsControl {
    return this.#live.get(slot) ?? ImsEntry.Control.reset;
  }

  #cross<T>(operation: string, values: TraceValues, body: Steps<T>): Steps<T> {
    return this.#trace.cross('ims', operation, values, body);
  }
}
