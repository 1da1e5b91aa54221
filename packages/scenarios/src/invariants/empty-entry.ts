// What an entry of the message store holds while nobody has it, but for the pending bit, which software cannot write.
import { ImsEntry } from '@siov/datasheet';
import type { ImsEntryView } from '@siov/hw';

export const EMPTY_ENTRY = Object.freeze({
  address: (BigInt(ImsEntry.AddressHi.reset) << 32n) | BigInt(ImsEntry.AddressLo.reset),
  data: ImsEntry.Data.reset,
  mask: true,
  ignore: false,
  pasidEnable: false,
  pasid: 0,
}) satisfies Omit<ImsEntryView, 'pending'>;

/** What of an entry is not empty, in words; empty when all is. */
export function leftIn(entry: ImsEntryView): string {
  const left = (Object.keys(EMPTY_ENTRY) as (keyof typeof EMPTY_ENTRY)[]).filter((field) => Number(entry[field]) !== Number(EMPTY_ENTRY[field]));
  return left.map((field) => `${field} ${field === 'address' ? `0x${entry.address.toString(16)}` : Number(entry[field])}`).join(', ');
}
