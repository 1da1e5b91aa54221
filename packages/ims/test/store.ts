// The hardware of a message store, as the DSA specification has its entries: masked and pending, the interrupt window,
// the PASID check, and writes that are posted until something is read.
import { ModelError } from '@siov/base';
import type { AccessPort } from '@siov/base';
import { IMS_ADDRESS_WINDOW, IMS_ENTRY_SIZE, ImsEntry } from '@siov/datasheet';

/** Bytes in front of the table in its BAR. */
export const TABLE_OFFSET = 0x400;
export const EMPTY_CONTROL = ImsEntry.Control.reset;
const [ADDRESS_LO, ADDRESS_HI, DATA, CONTROL] = [0, 1, 2, 3] as const;

export interface StoredWrite {
  readonly slot: number;
  /** 0 address low, 1 address high, 2 data, 3 control. */
  readonly word: number;
  readonly value: number;
}

export class MessageStore {
  readonly words: Uint32Array;
  readonly #send: (address: { hi: number; lo: number }, data: number) => void;
  /** Told of every write to the BAR when it is made. */
  readonly #written: (write: StoredWrite) => void;
  /** Writes on their way. */
  #posted: StoredWrite[] = [];

  constructor(size: number, send: (address: { hi: number; lo: number }, data: number) => void, written: (write: StoredWrite) => void) {
    this.words = new Uint32Array(size * 4);
    for (let slot = 0; slot < size; slot++) this.words.set([ImsEntry.AddressLo.reset, 0, 0, ImsEntry.Control.reset], slot * 4);
    this.#send = send;
    this.#written = written;
  }

  get underWay(): number {
    return this.#posted.length;
  }

  /** The BAR: 32-bit accesses only, writes posted. */
  port(): AccessPort {
    const none = () => { throw new ModelError('the table has no 64-bit registers'); };
    const at = (offset: number, width: number): { slot: number; word: number } => {
      const from = offset - TABLE_OFFSET;
      if (width !== 4 || from < 0 || from >= this.words.length * 4 || from % 4 !== 0) throw new ModelError(`access of ${width} bytes at 0x${offset.toString(16)}`);
      return { slot: Math.floor(from / IMS_ENTRY_SIZE), word: (from % IMS_ENTRY_SIZE) / 4 };
    };
    const post = (write: StoredWrite) => { this.#written(write); this.#posted = [...this.#posted, write]; };
    const read = ({ slot, word }: { slot: number; word: number }) => { this.flush(); return this.#word(slot, word); };
    return {
      *read(offset, width) { return read(at(offset, width)); },
      *write(offset, width, value) { post({ ...at(offset, width), value }); },
      read64: none,
      write64: none,
    };
  }

  flush(): void {
    const posted = this.#posted;
    this.#posted = [];
    for (const write of posted) this.take(write);
  }

  /** The words of `shadow` in an order in which no entry is unmasked with a message half written. */
  commandFor(slot: number, shadow: { addressLo: number; addressHi: number; data: number; control: number }): StoredWrite[] {
    const message = [shadow.addressLo, shadow.addressHi, shadow.data].map((value, word) => ({ slot, word, value }));
    const mask = { slot, word: CONTROL, value: shadow.control | 1 };
    return [mask, ...message, { slot, word: CONTROL, value: shadow.control }];
  }

  /** A write arrives. */
  take({ slot, word, value }: StoredWrite): void {
    if (word === CONTROL) this.#control(slot, value);
    else if (word === DATA || this.#inWindow(slot, word, value)) this.words[slot * 4 + word] = value;
  }

  entry(slot: number) {
    const [addressLo = 0, addressHi = 0, data = 0, control = 0] = this.words.subarray(slot * 4, slot * 4 + 4);
    return { addressLo, addressHi, data, ...ImsEntry.Control.decode(ImsEntry.Control.image(control)) };
  }

  /** A descriptor of `pasid` (null: without one) asks for the interrupt of `slot`: whether it may. A masked entry remembers. */
  fire(slot: number, pasid: number | null): boolean {
    const { pasidEnable, pasid: owner, mask } = this.entry(slot);
    if ((pasidEnable === 1 ? owner : null) !== pasid) return false;
    if (mask === 1) this.#setControl(slot, ImsEntry.Control.pending.set(this.#image(slot), 1));
    else this.#sendMessage(slot);
    return true;
  }

  #control(slot: number, value: number): void {
    const before = this.#image(slot);
    const after = ImsEntry.Control.afterWrite(before, value);
    const due = ImsEntry.Control.pending.get(before) === 1 && ImsEntry.Control.mask.get(after) === 0;
    this.#setControl(slot, due ? ImsEntry.Control.pending.set(after, 0) : after);
    if (due) this.#sendMessage(slot);
  }

  #sendMessage(slot: number): void {
    const { addressLo: lo, addressHi: hi, data } = this.entry(slot);
    this.#send({ hi, lo }, data);
  }

  #inWindow(slot: number, word: number, value: number): boolean {
    const lo = word === ADDRESS_LO ? value : this.#word(slot, ADDRESS_LO);
    const hi = word === ADDRESS_HI ? value : this.#word(slot, ADDRESS_HI);
    return hi === IMS_ADDRESS_WINDOW.hi && (lo & IMS_ADDRESS_WINDOW.loMask) >>> 0 === IMS_ADDRESS_WINDOW.lo;
  }

  #image(slot: number) {
    return ImsEntry.Control.image(this.#word(slot, CONTROL));
  }

  #setControl(slot: number, control: number): void {
    this.words[slot * 4 + CONTROL] = control;
  }

  #word(slot: number, word: number): number {
    return this.words[slot * 4 + word] ?? 0;
  }
}
