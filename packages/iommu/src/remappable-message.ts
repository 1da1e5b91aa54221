// The remappable format of MSI messages (VT-d spec 5.1.2.2): names an entry of the remapping table, not a vector.
import { bit, bits, register } from '@siov/base';
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

export const RemapData = register('Remappable MSI data', { offset: 8, source: 'VT-d 5.1.2.2' }, { subhandle: bits(15, 0) });

/** The message of the interrupt-remapping table entry `index` (0..65535), as intel_ir_compose_msi_msg() gives it. */
export function composeRemappableMsg(index: number): MsiMsg {
  const addressLo = RemapAddressLo.of({ base: 0xfee, remappable: 1, subhandleValid: 1, handle: index & 0x7fff, handleHigh: index >>> 15 });
  return { addressLo, addressHi: 0, data: 0 };
}

/** The table index a message names, or why it is none. Codes: VT-d interrupt-remapping fault reasons. */
export function parseRemappableMsg(address: bigint, data: number): { index: number } | { fault: 'compatibility-blocked' } {
  const low = RemapAddressLo.image(Number(address & 0xffffffffn));
  if (RemapAddressLo.remappable.get(low) === 0) return { fault: 'compatibility-blocked' };
  const handle = RemapAddressLo.handle.get(low) | (RemapAddressLo.handleHigh.get(low) << 15);
  const subhandle = RemapAddressLo.subhandleValid.get(low) === 1 ? RemapData.subhandle.get(RemapData.image(data)) : 0;
  return { index: handle + subhandle };
}
