// Where the entries of a message store are: a table in the device's memory, or memory the device is told of. The chip
// above decides what an entry holds and when; a storage only brings it there.
import { ModelError } from '@siov/base';
import type { ImageOf, Result, Steps } from '@siov/base';
import { IMS_ADDRESS_WINDOW, ImsEntry } from '@siov/datasheet';
import type { PasidWitness } from '@siov/device';
import type { MsiDesc, MsiMsg } from '@siov/irq';

/** The control word of an entry: mask, and who may use it. */
export type ImsControl = ImageOf<typeof ImsEntry.Control>;

/** An interrupt in the store. Its cookie is the witness of its id; null in a domain that checks none. */
export type ImsDesc = MsiDesc<PasidWitness | null>;

/** What an entry holds while nobody's message is in it (the reset value of the hardware). */
export const EMPTY_MESSAGE: MsiMsg = Object.freeze({ addressLo: ImsEntry.AddressLo.reset, addressHi: 0, data: 0 });

export interface ImsStorage {
  /** Entries. */
  readonly size: number;
  /** Before anything is written for an interrupt: `ENOSPC` when there is no entry for it after all. */
  open?(desc: ImsDesc): Result<void, 'ENOSPC'>;
  /** Nothing is written for it any more. */
  close?(desc: ImsDesc): Steps<void>;
  /** The whole word, in one piece. */
  writeControl(slot: number, control: ImsControl): Steps<void>;
  /** Three words, one after the other. */
  writeMessage(slot: number, message: MsiMsg): Steps<void>;
  /**
   * Present when writes reach the device only together: after `lock` they are collected, and when `syncUnlock` returns
   * the device obeys them. Both may sleep. Absent: the device obeys a write when it returns.
   */
  readonly bus?: {
    lock(desc: ImsDesc): Steps<void>;
    syncUnlock(desc: ImsDesc): Steps<void>;
  };
}

/**
 * The message as an entry takes it. The device ignores an address outside its interrupt window (DSA spec 3.0 §9.2), so
 * the all-zero message of a deactivated interrupt becomes {@link EMPTY_MESSAGE}: else the old address would stay. Any
 * other such address is a mistake of the level that composed it and throws {@link ModelError}.
 */
export function entryMessage(message: MsiMsg): MsiMsg {
  const { addressLo, addressHi, data } = message;
  if (addressHi === IMS_ADDRESS_WINDOW.hi && (addressLo & IMS_ADDRESS_WINDOW.loMask) >>> 0 === IMS_ADDRESS_WINDOW.lo) return message;
  if (addressLo === 0 && addressHi === 0 && data === 0) return EMPTY_MESSAGE;
  throw new ModelError(`an IMS entry takes no address 0x${addressHi.toString(16)}_${addressLo.toString(16)}: it is outside the interrupt window 0xfeexxxxx`);
}
