// The compatibility format of x86 MSI messages (Intel SDM vol. 3, 11.11).
import { bit, bits, register } from '@siov/base';
import type { MsiMsg } from './chip.ts';
import type { VectorTarget } from './vector-domain.ts';

/** Every MSI address has this in bits 31:20. */
export const MSI_ADDRESS_BASE = 0xfee;

export const MsiAddressLo = register('MSI address low', { offset: 0, source: 'Intel SDM vol. 3, 11.11.1' }, {
  destinationMode: bit(2),
  redirectionHint: bit(3),
  /** 1 in the remappable format, whose other fields differ. */
  remappable: bit(4),
  destination: bits(19, 12),
  base: bits(31, 20),
});

export const MsiData = register('MSI data', { offset: 8, source: 'Intel SDM vol. 3, 11.11.2' }, {
  vector: bits(7, 0),
  deliveryMode: bits(10, 8),
  level: bit(14),
  trigger: bit(15),
});

/** A fixed, edge, physical-destination message to one CPU with an 8-bit APIC id. */
export function composeVectorMsg(target: VectorTarget): MsiMsg {
  return {
    addressLo: MsiAddressLo.of({ base: MSI_ADDRESS_BASE, destination: target.cpu }),
    addressHi: 0,
    data: MsiData.of({ vector: target.vector }),
  };
}

/** Where a compatibility-format message goes; null when it is no such message. */
export function parseVectorMsg(address: bigint, data: number): VectorTarget | null {
  if (address >> 32n !== 0n) return null;
  const low = MsiAddressLo.image(Number(address));
  if (MsiAddressLo.base.get(low) !== MSI_ADDRESS_BASE || MsiAddressLo.remappable.get(low) === 1) return null;
  return { cpu: MsiAddressLo.destination.get(low), vector: MsiData.vector.get(MsiData.image(data)) };
}
