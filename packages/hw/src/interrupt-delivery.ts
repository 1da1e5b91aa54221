// From an event to a message: the MSI-X table with its pending bits, and the interrupt message store. An interrupt that
// was permitted is here sent, kept pending or dropped by what its entry says now (DSA spec 3.0 §3.7).
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

type Cause = 'softwareError' | 'commandCompletion' | 'occupancyLimit' | 'haltState' | 'handlesRevoked';

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
  *completion(entry: InterruptEntry): Steps<void> {
    const ignored = entry.ims
      ? ImsEntry.Control.ignore.get(this.#registers.ims(entry.index, ImsEntry.Control))
      : Msixperm.ignore.get(this.#registers.msixperm(entry.index, Msixperm));
    if (ignored === 0) yield* this.event(entry);
  }

  /** Any other interrupt through this entry. */
  *event({ ims, index }: InterruptEntry): Steps<void> {
    if (ims) yield* this.#imsEvent(index);
    else yield* this.#msixEvent(index);
  }

  /** Records the cause and sends vector 0. `alive` is asked again after others could have run. */
  *cause(cause: Cause, alive: () => boolean = () => true): Steps<void> {
    this.#registers.set(INTCAUSE, INTCAUSE[cause].set(this.#registers.get(INTCAUSE), 1));
    yield sending;
    if (alive()) yield* this.#msixEvent(MISC_VECTOR);
  }

  /** After a write to an MSI-X entry's mask or to message control: pending vectors that are free to go, lowest first. */
  *releaseMsix(vectors: readonly number[]): Steps<void> {
    for (const vector of vectors) {
      if (!this.msixPending(vector) || this.#msixMasked(vector) || !this.#msixSendable) continue;
      this.#setMsixPending(vector, 0);
      yield* this.#sendMsix(vector);
    }
  }

  /** After a write to an IMS entry's control: sends what became pending while it was masked, once. */
  *releaseIms(index: number): Steps<void> {
    const control = this.#registers.ims(index, ImsEntry.Control);
    const { pending, mask, ignore } = ImsEntry.Control;
    if (pending.get(control) === 0 || mask.get(control) === 1 || !this.#pci.busMaster) return;
    this.#registers.setIms(index, ImsEntry.Control, pending.set(control, 0));
    if (ignore.get(control) === 0) yield* this.#sendIms(index);
  }

  msixPending(vector: number): boolean {
    return ((MsixPending.pending.get(this.#pendingWord(vector)) >>> (vector & 31)) & 1) === 1;
  }

  *#msixEvent(vector: number): Steps<void> {
    // Without MSI-X (or the right to write memory) there is no message and nothing that would remember it.
    if (!this.#msixSendable) return;
    if (this.#msixMasked(vector)) this.#setMsixPending(vector, 1);
    else yield* this.#sendMsix(vector);
  }

  *#imsEvent(index: number): Steps<void> {
    const control = this.#registers.ims(index, ImsEntry.Control);
    if (ImsEntry.Control.mask.get(control) === 1) {
      this.#registers.setIms(index, ImsEntry.Control, ImsEntry.Control.pending.set(control, 1));
    } else yield* this.#sendIms(index);
  }

  get #msixSendable(): boolean {
    return this.#pci.msixEnabled && this.#pci.busMaster;
  }

  #msixMasked(vector: number): boolean {
    return this.#pci.functionMasked || MsixEntry.Control.mask.get(this.#registers.msix(vector, MsixEntry.Control)) === 1;
  }

  *#sendMsix(vector: number): Steps<void> {
    const { AddressLo, AddressHi, Data } = MsixEntry;
    const registers = this.#registers;
    yield* this.#port.message(join(registers.msix(vector, AddressHi), registers.msix(vector, AddressLo)), registers.msix(vector, Data));
  }

  *#sendIms(index: number): Steps<void> {
    if (!this.#pci.busMaster) return;
    const { AddressLo, AddressHi, Data } = ImsEntry;
    const registers = this.#registers;
    yield* this.#port.message(join(registers.ims(index, AddressHi), registers.ims(index, AddressLo)), registers.ims(index, Data));
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

function join(hi: number, lo: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo);
}
