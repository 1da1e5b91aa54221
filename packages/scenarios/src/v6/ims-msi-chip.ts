// The IMS chip that the refuted design was proposed on (drivers/irqchip/irq-ims-msi.c of 2020/21): masking changes one bit of
// what it reads back, and whoever wants something else in the control word has it put there on the side, also while the
// interrupt is live. Kept here alone, to be refuted: the chip that ships has no such call (R18).
import { fail, ok } from '@siov/base';
import type { AccessPort, Result, Steps, Trace } from '@siov/base';
import { IMS_ENTRY_SIZE, ImsEntry } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { ChipFlags, IrqCore, IrqData, MsiChip, MsiMsg } from '@siov/irq';

/** Bits the chip keeps for masking (IMS_CTRL_IRQMASK): auxiliary data must not have them. */
const IRQ_BITS = 0x7;

type Control = typeof ImsEntry.Control.reset;

/** ims_ctrl_pasid_aux(): the auxiliary data that makes an entry check for `pasid`; null clears it. */
export function pasidAux(pasid: number | null): number {
  return pasid === null ? 0 : ImsEntry.Control.of({ mask: 0, pasid, pasidEnable: 1 });
}

export class ImsMsiChip implements MsiChip {
  readonly name = 'IMS';
  readonly flags: ChipFlags = { skipSetWake: true };
  readonly #port: AccessPort;
  readonly #offset: number;
  readonly #trace: Trace;

  /** `offset`: bytes from the BAR's start to the first entry. */
  constructor(port: AccessPort, offset: number, trace: Trace) {
    this.#port = port;
    this.#offset = offset;
    this.#trace = trace;
  }

  *irqMask({ hwirq: slot }: IrqData): Steps<void> {
    yield* this.#trace.cross('ims', 'irq_mask', { slot }, this.#change(slot, (control) => control | 1));
  }

  *irqUnmask({ hwirq: slot }: IrqData): Steps<void> {
    yield* this.#trace.cross('ims', 'irq_unmask', { slot }, this.#change(slot, (control) => control & ~1));
  }

  *irqWriteMsiMsg({ hwirq: slot }: IrqData, { addressLo, addressHi, data }: MsiMsg): Steps<void> {
    yield* this.#trace.cross('ims', 'irq_write_msi_msg', { slot, address: addressLo, data }, this.#message(slot, { addressLo, addressHi, data }));
  }

  /** The slot as alloc_store and free_store leave it. */
  *resetSlot(slot: number): Steps<void> {
    yield* this.#trace.cross('ims', 'reset_slot', { slot }, this.#reset(slot));
  }

  /** irq_set_auxdata of the chip: everything but the masking bits, as it is told. */
  *setAuxdata(slot: number, value: number): Steps<Result<void, 'EINVAL'>> {
    if ((value & IRQ_BITS) !== 0) return fail('EINVAL', `auxiliary data 0x${value.toString(16)} of entry ${slot} has bits of masking`);
    yield* this.#trace.cross('ims', 'irq_set_auxdata', { slot, value }, this.#change(slot, (control) => (control & IRQ_BITS) | value));
    return ok();
  }

  *#reset(slot: number): Steps<void> {
    yield* this.#message(slot, { addressLo: 0, addressHi: 0, data: 0 });
    yield* this.#write(slot, ImsEntry.Control.reset);
  }

  /** Read, modified, written, flushed: nobody else of the host comes between, the device does. */
  *#change(slot: number, change: (control: number) => number): Steps<void> {
    const before: number = yield* readRegister(this.#port, ImsEntry.Control, this.#entry(slot));
    yield* this.#write(slot, ImsEntry.Control.image(change(before)));
  }

  *#write(slot: number, control: Control): Steps<void> {
    yield* writeRegister(this.#port, ImsEntry.Control, control, this.#entry(slot));
    yield* readRegister(this.#port, ImsEntry.Control, this.#entry(slot));
  }

  *#message(slot: number, { addressLo, addressHi, data }: MsiMsg): Steps<void> {
    const entry = this.#entry(slot);
    yield* writeRegister(this.#port, ImsEntry.AddressLo, ImsEntry.AddressLo.image(addressLo), entry);
    yield* writeRegister(this.#port, ImsEntry.AddressHi, ImsEntry.AddressHi.image(addressHi), entry);
    yield* writeRegister(this.#port, ImsEntry.Data, ImsEntry.Data.image(data), entry);
    yield* readRegister(this.#port, ImsEntry.Data, entry);
  }

  #entry(slot: number): number {
    return this.#offset + slot * IMS_ENTRY_SIZE;
  }
}

/**
 * irq_set_auxdata(), as proposed for the irq core and not in ours: the chip's auxiliary data of a live interrupt, under the
 * descriptor's lock. `ENODEV`: no such interrupt; `EINVAL`: refused by the chip.
 */
export function* irqSetAuxdata(core: IrqCore, chip: ImsMsiChip, virq: number, value: number): Steps<Result<void, 'EINVAL' | 'ENODEV'>> {
  const desc = core.desc(virq);
  const data = desc?.state.data;
  if (desc === undefined || data === undefined || data === null) return fail('ENODEV', `irq_set_auxdata(${virq}): there is no such interrupt`);
  return yield* core.ports.trace.cross('irq', 'irq_set_auxdata', { irq: virq, value }, desc.lock.with(chip.setAuxdata(data.hwirq, value)));
}
