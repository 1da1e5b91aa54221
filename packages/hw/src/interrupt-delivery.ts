// From an event to a message: the MSI-X table with its pending bits, and the interrupt message store. An interrupt that
// was permitted is here sent, kept pending or dropped by what its entry says now (DSA spec 3.0 §3.7). Nothing on this way
// waits or allocates: an entry's words are read, and the message is out.
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { ImsEntry, INTCAUSE, MsixEntry, MsixPending, Msixperm } from '@siov/datasheet';
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

export class InterruptDelivery {
  readonly #registers: DeviceRegisters;
  readonly #pci: PciFunction;
  readonly #port: InterruptPort;

  constructor(parts: { registers: DeviceRegisters; pci: PciFunction }, port: InterruptPort) {
    this.#registers = parts.registers;
    this.#pci = parts.pci;
    this.#port = port;
  }

  /** A descriptor's completion interrupt: the one kind that the Ignore bits stop, whichever entry it names. */
  completion({ ims, index }: InterruptEntry): void {
    if (ims) this.imsCompletion(index);
    else if (Msixperm.ignore.get(this.#registers.msixperm(index, Msixperm)) === 0) this.#raiseMsix(index);
  }

  /** {@link completion} through an entry of the message store. */
  imsCompletion(index: number): void {
    const control = this.#registers.ims(index, ImsEntry.Control);
    if (ImsEntry.Control.ignore.get(control) === 0) this.#raiseIms(index, control);
  }

  /** Any other interrupt through this entry: neither Ignore nor a PASID is looked at. */
  raise({ ims, index }: InterruptEntry): void {
    if (ims) this.#raiseIms(index, this.#registers.ims(index, ImsEntry.Control));
    else this.#raiseMsix(index);
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
    this.#sendMsix(vector);
  }

  /** After a write to message control or bus master enable: all such vectors, lowest first. */
  releaseAllMsix(): void {
    for (let vector = 0; vector < this.#registers.layout.msixEntries; vector++) this.releaseMsix(vector);
  }

  /** After a write to an IMS entry's control: sends what became pending while it was masked, once. */
  releaseIms(index: number): void {
    const control = this.#registers.ims(index, ImsEntry.Control);
    const { pending, mask, ignore } = ImsEntry.Control;
    if (pending.get(control) === 0 || mask.get(control) === 1 || !this.#pci.busMaster) return;
    this.#registers.setIms(index, ImsEntry.Control, pending.set(control, 0));
    if (ignore.get(control) === 0) this.#sendIms(index);
  }

  msixPending(vector: number): boolean {
    return ((MsixPending.pending.get(this.#pendingWord(vector)) >>> (vector & 31)) & 1) === 1;
  }

  #raiseMsix(vector: number): void {
    // A function that does not use MSI-X has neither a message nor anything that would remember one.
    if (!this.#pci.msixEnabled) return;
    if (this.#msixMasked(vector)) this.#setMsixPending(vector, 1);
    else if (this.#pci.busMaster) this.#sendMsix(vector);
  }

  #raiseIms(index: number, control: typeof ImsEntry.Control.reset): void {
    const { mask, pending } = ImsEntry.Control;
    if (mask.get(control) === 1) this.#registers.setIms(index, ImsEntry.Control, pending.set(control, 1));
    else if (this.#pci.busMaster) this.#sendIms(index);
  }

  #msixMasked(vector: number): boolean {
    return this.#pci.functionMasked || MsixEntry.Control.mask.get(this.#registers.msix(vector, MsixEntry.Control)) === 1;
  }

  #sendMsix(vector: number): void {
    const { AddressLo, AddressHi, Data } = MsixEntry;
    const registers = this.#registers;
    this.#port.message(registers.msix(vector, AddressHi), registers.msix(vector, AddressLo), registers.msix(vector, Data));
  }

  #sendIms(index: number): void {
    const { AddressLo, AddressHi, Data } = ImsEntry;
    const registers = this.#registers;
    this.#port.message(registers.ims(index, AddressHi), registers.ims(index, AddressLo), registers.ims(index, Data));
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
