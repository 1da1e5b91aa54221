// The compatibility format of x86 MSI messages (Intel SDM vol. 3, 11.11).
import { bit, bits, ModelError, register } from '@siov/base';
import type { MsiMsg } from './chip.ts';

/** A vector on a CPU: where an interrupt goes. */
export interface VectorTarget {
  /** APIC id; CPU n has id n here. */
  readonly cpu: number;
  readonly vector: number;
}

/** Every MSI address has this in bits 31:20. */
export const MSI_ADDRESS_BASE = 0xfee;

export const MsiAddressLo = register('MSI address low', { offset: 0, source: 'Intel SDM vol. 3, 11.11.1' }, {
  destinationMode: bit(2),
  redirectionHint: bit(3),
  /** 1 in the remappable format, whose other fields differ. */
  remappable: bit(4),
  /** APIC id bits 14:8, where a hypervisor offers extended destination ids; reserved on hardware. */
  extendedDestination: bits(11, 5),
  destination: bits(19, 12),
  base: bits(31, 20),
});

export const MsiAddressHi = register('MSI address high', { offset: 4, source: 'VT-d 5.1.7' }, {
  /** APIC id bits 31:8, in the messages of the remapping hardware itself only. */
  destination: bits(31, 8),
});

export const MsiData = register('MSI data', { offset: 8, source: 'Intel SDM vol. 3, 11.11.2' }, {
  vector: bits(7, 0),
  /** 0: fixed; 1: lowest priority; 2: SMI; 4: NMI; 5: INIT; 7: ExtINT. */
  deliveryMode: bits(10, 8),
  level: bit(14),
  trigger: bit(15),
});

/** The largest APIC id that a device's own message can name, with extended destination ids. */
export const MSI_MAX_APIC_ID = 0x7fff;

/**
 * A fixed, edge, physical-destination message to one CPU (__irq_msi_compose_msg(), from memory of the kernel source). APIC ids above 255 use the extended
 * destination id of hypervisors; above 32767 there is no message without interrupt remapping, and asking for one throws
 * {@link ModelError}. `dmar`: the remapping hardware's own message, which has room for 32 bits.
 */
export function composeVectorMsg(target: VectorTarget, dmar = false): MsiMsg {
  const { cpu, vector } = target;
  if (!dmar && cpu > MSI_MAX_APIC_ID) throw new ModelError(`APIC id ${cpu} does not fit a message without interrupt remapping`);
  return {
    addressLo: MsiAddressLo.of({ base: MSI_ADDRESS_BASE, destination: cpu & 0xff, extendedDestination: dmar ? 0 : cpu >>> 8 }),
    addressHi: dmar ? MsiAddressHi.of({ destination: cpu >>> 8 }) : 0,
    data: MsiData.of({ vector }),
  };
}

/**
 * Where a device's compatibility-format message goes, as one number so that nothing is made on the way of an interrupt:
 * APIC id * 256 + vector; -1 when it is no such message, or not one that raises a vector on one CPU (logical
 * destinations, SMI, NMI, INIT). Without the redirection hint the destination mode is ignored, as the SDM says.
 */
export function parseVectorMsg(addressHi: number, addressLo: number, data: number): number {
  const lo = MsiAddressLo.image(addressLo);
  if (addressHi !== 0 || MsiAddressLo.base.get(lo) !== MSI_ADDRESS_BASE || MsiAddressLo.remappable.get(lo) === 1) return -1;
  if (MsiAddressLo.redirectionHint.get(lo) === 1 && MsiAddressLo.destinationMode.get(lo) === 1) return -1;
  const image = MsiData.image(data);
  if (MsiData.deliveryMode.get(image) > 1) return -1;
  const cpu = (MsiAddressLo.extendedDestination.get(lo) << 8) | MsiAddressLo.destination.get(lo);
  return (cpu << 8) | MsiData.vector.get(image);
}

/** Where a message of the remapping hardware itself goes; null when it is none. */
export function parseDmarMsg({ addressHi, addressLo, data }: MsiMsg): VectorTarget | null {
  const packed = parseVectorMsg(0, addressLo, data);
  // Bits 31:16 of -1 are set; else they are an extended destination id, which these messages do not have.
  if (packed >>> 16 !== 0 || (addressHi & 0xff) !== 0) return null;
  return { cpu: MsiAddressHi.destination.get(MsiAddressHi.image(addressHi)) * 256 + (packed >>> 8), vector: packed & 0xff };
}
