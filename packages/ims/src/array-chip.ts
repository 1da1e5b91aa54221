// The IMS array chip: messages in a table of the device's own memory. It alone writes the table; the id that may use an
// entry comes from the interrupt's struct device (R10), and becomes visible together with the unmask, in one write.
import { ModelError } from '@siov/base';
import type { AccessPort, ImageOf, StatePort, Steps, Trace } from '@siov/base';
import { IMS_ENTRY_SIZE, ImsEntry } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { Device } from '@siov/device';
import type { IrqData, MsiChip, MsiMsg } from '@siov/irq';

export interface ImsArray {
  /** The BAR that holds the table. */
  readonly port: AccessPort;
  /** Bytes from the BAR's start to the first entry. */
  readonly offset: number;
  /** Entries. */
  readonly size: number;
}

type Control = ImageOf<typeof ImsEntry.Control>;

export class ImsArrayChip implements MsiChip {
  readonly name = 'IMS';
  readonly #trace: Trace;
  readonly #array: ImsArray;
  readonly #validatePasid: boolean;
  /** Control word of every entry in use, without the mask bit: fixed from start-up to shut-down. */
  readonly #controls: Map<number, Control>;

  constructor(ports: { state: StatePort; trace: Trace }, name: string, array: ImsArray, validatePasid: boolean) {
    this.#trace = ports.trace;
    this.#array = array;
    this.#validatePasid = validatePasid;
    this.#controls = ports.state.map(`ims/${name}/controls`);
  }

  /** An entry nobody uses: masked, no id, no message. */
  resetSlot(hwirq: number): Steps<void> {
    return this.#trace.cross('ims', 'reset_slot', { slot: hwirq }, this.#wipe(hwirq));
  }

  irqWriteMsiMsg(data: IrqData, message: MsiMsg): Steps<void> {
    return this.#trace.cross('ims', 'irq_write_msi_msg', { slot: data.hwirq, address: message.addressLo, data: message.data }, this.#writeMessage(data.hwirq, message));
  }

  /** First unmask: the id is read from the device now and holds until shut-down (R11: any time before the unmask will do). */
  irqStartup(data: IrqData): Steps<void> {
    return this.#trace.cross('ims', 'irq_startup', { slot: data.hwirq }, this.#startup(data));
  }

  irqMask(data: IrqData): Steps<void> {
    return this.#trace.cross('ims', 'irq_mask', { slot: data.hwirq }, this.#writeControl(data.hwirq, ImsEntry.Control.mask.set(this.#control(data), 1)));
  }

  irqUnmask(data: IrqData): Steps<void> {
    return this.#trace.cross('ims', 'irq_unmask', { slot: data.hwirq }, this.#writeControl(data.hwirq, this.#control(data)));
  }

  /** Masked and without id or message: nothing is left for the caller to clear (R23). */
  irqShutdown(data: IrqData): Steps<void> {
    return this.#trace.cross('ims', 'irq_shutdown', { slot: data.hwirq }, this.#shutdown(data.hwirq));
  }

  *#startup(data: IrqData): Steps<void> {
    const { iommu, name } = data.chipData as Device;
    if (this.#validatePasid && !iommu.valid) throw new ModelError(`${name}: lost its PASID between allocating and starting an interrupt`);
    const unchecked = ImsEntry.Control.of({ mask: 0 });
    const control = this.#validatePasid ? ImsEntry.Control.of({ mask: 0, pasidEnable: 1, pasid: iommu.pasid }) : unchecked;
    this.#controls.set(data.hwirq, control);
    yield* this.#writeControl(data.hwirq, control);
  }

  *#shutdown(hwirq: number): Steps<void> {
    this.#controls.delete(hwirq);
    yield* this.#wipe(hwirq);
  }

  /** Masked first: from then on nothing fires, and the rest may take its time. */
  *#wipe(hwirq: number): Steps<void> {
    yield* this.#writeControl(hwirq, ImsEntry.Control.reset);
    yield* this.#writeMessage(hwirq, { addressLo: ImsEntry.AddressLo.reset, addressHi: 0, data: 0 });
  }

  *#writeMessage(hwirq: number, message: MsiMsg): Steps<void> {
    const { port } = this.#array;
    const entry = this.#entry(hwirq);
    yield* writeRegister(port, ImsEntry.AddressLo, ImsEntry.AddressLo.image(message.addressLo), entry);
    yield* writeRegister(port, ImsEntry.AddressHi, ImsEntry.AddressHi.image(message.addressHi), entry);
    yield* writeRegister(port, ImsEntry.Data, ImsEntry.Data.image(message.data), entry);
  }

  /** The read back flushes the posted write: when it returns the device obeys. */
  *#writeControl(hwirq: number, control: Control): Steps<void> {
    yield* writeRegister(this.#array.port, ImsEntry.Control, control, this.#entry(hwirq));
    yield* readRegister(this.#array.port, ImsEntry.Control, this.#entry(hwirq));
  }

  #control(data: IrqData): Control {
    return this.#controls.get(data.hwirq) ?? ImsEntry.Control.reset;
  }

  #entry(hwirq: number): number {
    return this.#array.offset + hwirq * IMS_ENTRY_SIZE;
  }
}
