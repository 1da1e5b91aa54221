// The remappable format of MSI messages (VT-d spec 5.1.2.2): names an entry of the remapping table, not a vector.
import { bit, bits, register } from '@siov/base';
import { MSI_ADDRESS_BASE } from '@siov/irq';
import type { MsiMsg } from '@siov/irq';

export const RemapAddressLo = register('Remappable MSI address', { offset: 0, source: 'VT-d 5.1.2.2' }, {
  /** Bit 15 of the handle. */
  handleHigh: bit(2),
  /** Subhandle valid: the data's subhandle is added to the handle. */
  subhandleValid: bit(3),
  remappable: bit(4),
  /** Bits 14:0 of the handle. */
  handle: bits(19, 5),
  base: bits(31, 20),
});

/** With a valid subhandle the upper half is reserved; without one the data means nothing. */
export const RemapData = register('Remappable MSI data', { offset: 8, source: 'VT-d 5.1.2.2' }, { subhandle: bits(15, 0), reserved: bits(31, 16) });

// Every interrupt asks these: found once.
const { remappable, subhandleValid, handleHigh, handle: handleLow, base } = RemapAddressLo;
const { subhandle, reserved } = RemapData;

/** The message of the interrupt-remapping table entry `index` (0..65535), as intel_ir_compose_msi_msg() gives it. */
export function composeRemappableMsg(index: number): MsiMsg {
  const addressLo = RemapAddressLo.of({ base: MSI_ADDRESS_BASE, remappable: 1, subhandleValid: 1, handle: index & 0x7fff, handleHigh: index >>> 15 });
  return { addressLo, addressHi: 0, data: 0 };
}

/** Memory writes without PASID to this range, 1 MiB below 4 GiB, are interrupt requests (VT-d 3.14). */
export function isInterruptAddress(addressHi: number, addressLo: number): boolean {
  return addressHi === 0 && base.get(addressLo as typeof RemapAddressLo.reset) === MSI_ADDRESS_BASE;
}

/** What {@link parseRemappableMsg} gives for messages that name no entry. */
export const NO_INTERRUPT = -1;
export const COMPATIBILITY = -2;
export const RESERVED_BITS = -3;

/**
 * The table index a message names; negative when it names none. On the way of every interrupt: a number, and of numbers
 * that are below 2^31 where they are handed on, for larger ones are objects to the engine. So the words are taken for the
 * images they are.
 */
export function parseRemappableMsg(addressHi: number, addressLo: number, data: number): number {
  if (!isInterruptAddress(addressHi, addressLo)) return NO_INTERRUPT;
  const low = addressLo as typeof RemapAddressLo.reset;
  if (remappable.get(low) === 0) return COMPATIBILITY;
  const handle = handleLow.get(low) | (handleHigh.get(low) << 15);
  if (subhandleValid.get(low) === 0) return handle;
  const word = data as typeof RemapData.reset;
  return reserved.get(word) === 0 ? handle + subhandle.get(word) : RESERVED_BITS;
}
