// The chip that stores messages in a function's MSI-X table (drivers/pci/msi/irqdomain.c, msi.h).
import { ok } from '@siov/base';
import type { ImageOf, StatePort, Steps } from '@siov/base';
import { readRegister, writeRegister } from '@siov/device';
import type { IrqData, MsiMsg } from './chip.ts';
import type { MsiChip, MsiDesc, MsiDomainTemplate } from './msi-types.ts';
import { EntryAddressHi, EntryAddressLo, EntryControl, EntryData, MSIX_ENTRY_SIZE } from './pci-msix-table.ts';
import type { MsixTable } from './pci-msix-table.ts';

/** pci_msix_template. Messages are written when interrupts are allocated; a vector is only reserved until they are requested. */
export function msixTemplate(state: StatePort, name: string, table: MsixTable): MsiDomainTemplate<null> {
  const chip = new MsixChip(state, name, table);
  return {
    name: 'PCI-MSIX',
    chip,
    hwsize: table.size,
    slots: 'by-index',
    flags: { activateEarly: true, mustReactivate: true, pciMsix: true, pciMsixAllocDyn: true },
    *prepareDesc(desc) {
      yield* chip.prepare(desc);
      return ok();
    },
  };
}

type Control = ImageOf<typeof EntryControl>;

class MsixChip implements MsiChip {
  readonly name = 'PCI-MSIX';
  /** Messages cannot storm. */
  readonly flags = { oneshotSafe: true };
  readonly #table: MsixTable;
  /** Vector control of every entry as last written: the table is never read for it (msix_ctrl). */
  readonly #controls: Uint32Array;

  constructor(state: StatePort, name: string, table: MsixTable) {
    this.#table = table;
    this.#controls = state.words(`${name}/msix/control`, table.size, 1);
  }

  /** pci_msix_prepare_desc(): masked, with the reserved bits the entry has. */
  *prepare({ hwirq }: MsiDesc<null>): Steps<void> {
    const control = yield* readRegister(this.#table.port, EntryControl, this.#entry(hwirq));
    yield* this.#writeControl(hwirq, EntryControl.mask.set(control, 1));
  }

  /** The read flushes the posted write: when it returns the device obeys. */
  *irqMask({ hwirq }: IrqData): Steps<void> {
    yield* this.#writeControl(hwirq, EntryControl.mask.set(this.#control(hwirq), 1));
    yield* readRegister(this.#table.port, EntryAddressLo, this.#entry(hwirq));
  }

  *irqUnmask({ hwirq }: IrqData): Steps<void> {
    yield* this.#writeControl(hwirq, EntryControl.mask.set(this.#control(hwirq), 0));
  }

  /** pci_write_msg_msix(): masked while the message changes, as the specification demands; read back at the end. */
  *irqWriteMsiMsg({ hwirq }: IrqData, message: MsiMsg): Steps<void> {
    const { port } = this.#table;
    const entry = this.#entry(hwirq);
    const control = this.#control(hwirq);
    const unmasked = EntryControl.mask.get(control) === 0;
    if (unmasked) yield* writeRegister(port, EntryControl, EntryControl.mask.set(control, 1), entry);
    yield* writeRegister(port, EntryAddressLo, EntryAddressLo.image(message.addressLo), entry);
    yield* writeRegister(port, EntryAddressHi, EntryAddressHi.image(message.addressHi), entry);
    yield* writeRegister(port, EntryData, EntryData.image(message.data), entry);
    if (unmasked) yield* writeRegister(port, EntryControl, control, entry);
    yield* readRegister(port, EntryData, entry);
  }

  *#writeControl(hwirq: number, control: Control): Steps<void> {
    this.#controls[hwirq] = control;
    yield* writeRegister(this.#table.port, EntryControl, control, this.#entry(hwirq));
  }

  #control(hwirq: number): Control {
    return EntryControl.image(this.#controls[hwirq] as number);
  }

  #entry(hwirq: number): number {
    return this.#table.offset + hwirq * MSIX_ENTRY_SIZE;
  }
}
