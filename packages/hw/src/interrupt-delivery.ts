// From an event to a message: the MSI-X table with its pending bits, and the interrupt message store. An interrupt that
// was permitted is here sent, kept pending or dropped by what its entry says now (DSA spec 3.0 §3.7). Nothing on this way
// waits or allocates: an entry's words are read, and the message is out.
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { IMS_ENTRY_SIZE, ImsEntry, INTCAUSE, MSIX_ENTRY_SIZE, MsixEntry, MsixPending, Msixperm } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { PciFunction } from './pci-function.ts';
import type { InterruptPort } from './ports.ts';

/** An entry of one of the two tables. */
export interface InterruptEntry {
  readonly ims: boolean;
  readonly index: number;
}

type Cause = 'softwareError' | 'commandCompletion' | 'occupancyLimit' | 'haltState' | 'eventLog' | 'handlesRevoked';

/** Everything about the device as a whole is signalled here. */
const MISC_VECTOR = 0;
const sending = point('device', 'interrupt');

/** The two bits every interrupt through the store asks for; constants, because this is the path that has to be short. */
const MASK = 1 << ImsEntry.Control.mask.lo;
const IGNORE = 1 << ImsEntry.Control.ignore.lo;
/** Both tables have their words at the same places of an entry (DSA spec 3.0 §9.2). */
const { AddressHi, AddressLo, Data, Control } = ImsEntry;
const ADDRESS_HI = AddressHi.offset;
const ADDRESS_LO = AddressLo.offset;
const DATA = Data.offset;
const CONTROL = Control.offset;

export class InterruptDelivery {
  /** Where the tables begin in BAR0. */
  readonly #ims: number;
  readonly #msix: number;
  readonly #registers: DeviceRegisters;
  readonly #pci: PciFunction;
  readonly #port: InterruptPort;

  constructor(parts: { registers: DeviceRegisters; pci: PciFunction }, port: InterruptPort) {
    this.#registers = parts.registers;
    this.#pci = parts.pci;
    this.#port = port;
    this.#ims = parts.registers.layout.offsets.ims;
    this.#msix = parts.registers.profile.msix.table;
  }

  /** A descriptor's completion interrupt: the one kind that the Ignore bits stop, whichever entry it names. */
  completion({ ims, index }: InterruptEntry): void {
    if (ims) this.imsCompletion(index);
    else if (Msixperm.ignore.get(this.#registers.msixperm(index, Msixperm)) === 0) this.#raiseMsix(index);
  }

  /** {@link completion} through an entry of the message store. */
  imsCompletion(index: number): void {
    const at = this.#ims + index * IMS_ENTRY_SIZE;
    const control = this.#registers.bar0.get(Control, at + CONTROL);
    if ((control & IGNORE) === 0) this.#raiseIms(at, control);
  }

  /** Any other interrupt through this entry: neither Ignore nor a PASID is looked at. */
  raise({ ims, index }: InterruptEntry): void {
    if (!ims) return this.#raiseMsix(index);
    const at = this.#ims + index * IMS_ENTRY_SIZE;
    this.#raiseIms(at, this.#registers.bar0.get(Control, at + CONTROL));
  }

  /** Records the cause and sends vector 0. `alive` is asked again after others could have run. */
  *cause(cause: Cause, alive: () => boolean = () => true): Steps<void> {
    this.#registers.set(INTCAUSE, INTCAUSE[cause].set(this.#registers.get(INTCAUSE), 1));
    yield sending;
    if (alive()) this.#raiseMsix(MISC_VECTOR);
  }

  /** After a write to an MSI-X entry's mask: the vector, if it is pending and free to go. */
  releaseMsix(vector: number): void {
    if (!this.msixPending(vector) || !this.#pci.msixEnabled || this.#msixMasked(vector) || !this.#pci.busMaster) return;
    this.#setMsixPending(vector, 0);
    this.#send(this.#msix + vector * MSIX_ENTRY_SIZE);
  }

  /** After a write to message control or bus master enable: all such vectors, lowest first. */
  releaseAllMsix(): void {
    for (let vector = 0; vector < this.#registers.layout.msixEntries; vector++) this.releaseMsix(vector);
  }

  /** After a write to an IMS entry's control: sends what became pending while it was masked, once. */
  releaseIms(index: number): void {
    const at = this.#ims + index * IMS_ENTRY_SIZE;
    const control = this.#registers.bar0.get(Control, at + CONTROL);
    if (Control.pending.get(control) === 0 || (control & MASK) !== 0 || !this.#pci.busMaster) return;
    this.#registers.bar0.set(Control, Control.pending.set(control, 0), at + CONTROL);
    if ((control & IGNORE) === 0) this.#send(at);
  }

  msixPending(vector: number): boolean {
    return ((MsixPending.pending.get(this.#pendingWord(vector)) >>> (vector & 31)) & 1) === 1;
  }

  #raiseMsix(vector: number): void {
    // A function that does not use MSI-X has neither a message nor anything that would remember one.
    if (!this.#pci.msixEnabled) return;
    if (this.#msixMasked(vector)) this.#setMsixPending(vector, 1);
    else if (this.#pci.busMaster) this.#send(this.#msix + vector * MSIX_ENTRY_SIZE);
  }

  /** The entry at byte `at` of BAR0, which says `control` now. */
  #raiseIms(at: number, control: typeof Control.reset): void {
    if ((control & MASK) !== 0) this.#registers.bar0.set(Control, Control.pending.set(control, 1), at + CONTROL);
    else if (this.#pci.busMaster) this.#send(at);
  }

  #msixMasked(vector: number): boolean {
    return this.#pci.functionMasked || MsixEntry.Control.mask.get(this.#registers.msix(vector, MsixEntry.Control)) === 1;
  }

  /** The message of the entry of either table at byte `at` of BAR0; as integers, for larger numbers would be objects. */
  #send(at: number): void {
    const { bar0 } = this.#registers;
    this.#port.message(bar0.get(AddressHi, at + ADDRESS_HI) | 0, bar0.get(AddressLo, at + ADDRESS_LO) | 0, bar0.get(Data, at + DATA) | 0);
  }

  #pendingAt(vector: number): number {
    return this.#registers.profile.msix.pba + 4 * (vector >>> 5);
  }

  #pendingWord(vector: number): typeof MsixPending.reset {
    return this.#registers.bar0.get(MsixPending, this.#pendingAt(vector));
  }

  #setMsixPending(vector: number, pending: 0 | 1): void {
    const bit = 1 << (vector & 31);
    const word = this.#pendingWord(vector);
    this.#registers.bar0.set(MsixPending, MsixPending.image(pending === 1 ? word | bit : word & ~bit), this.#pendingAt(vector));
  }
}
