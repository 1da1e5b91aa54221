// The array: entries in the device's own memory, written directly (IMS_MSI_ARRAY of drivers/irqchip/irq-ims-msi.c).
import type { AccessPort, Steps } from '@siov/base';
import { IMS_ENTRY_SIZE, ImsEntry } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { MsiMsg } from '@siov/irq';
import type { ImsControl, ImsStorage } from './storage.ts';

export interface ImsTable {
  /** The BAR that holds the table. */
  readonly port: AccessPort;
  /** Bytes from the BAR's start to the first entry. */
  readonly offset: number;
  /** Entries. */
  readonly size: number;
}

export class ImsArray implements ImsStorage {
  readonly size: number;
  readonly #port: AccessPort;
  readonly #offset: number;

  constructor({ port, offset, size }: ImsTable) {
    this.size = size;
    this.#port = port;
    this.#offset = offset;
  }

  /** The read back flushes the posted write: when it returns the device obeys. */
  *writeControl(slot: number, control: ImsControl): Steps<void> {
    const entry = this.#entry(slot);
    yield* writeRegister(this.#port, ImsEntry.Control, control, entry);
    yield* readRegister(this.#port, ImsEntry.Control, entry);
  }

  /** In the order of the kernel's chip: address low, address high, data, and the read back. */
  *writeMessage(slot: number, message: MsiMsg): Steps<void> {
    const entry = this.#entry(slot);
    yield* writeRegister(this.#port, ImsEntry.AddressLo, ImsEntry.AddressLo.image(message.addressLo), entry);
    yield* writeRegister(this.#port, ImsEntry.AddressHi, ImsEntry.AddressHi.image(message.addressHi), entry);
    yield* writeRegister(this.#port, ImsEntry.Data, ImsEntry.Data.image(message.data), entry);
    yield* readRegister(this.#port, ImsEntry.Data, entry);
  }

  #entry(slot: number): number {
    return this.#offset + slot * IMS_ENTRY_SIZE;
  }
}
