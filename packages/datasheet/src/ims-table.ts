// The interrupt message store: the entries behind the IMS portals (DSA spec 3.0 §9.2).
import { bit, bits, register } from '@siov/base';

const source = 'DSA spec 3.0 §9.2';

/** Bytes an entry. */
export const IMS_ENTRY_SIZE = 16;
/** GENCAP.imsSize counts in units of this many entries. */
export const IMS_SIZE_UNIT = 256;

/** Bits 63:20 an address must have to be taken: the interrupt window 0xfeexxxxx. */
export const IMS_ADDRESS_WINDOW = { hi: 0, lo: 0xfee00000, loMask: 0xfff00000 } as const;

/**
 * A message and who may send it. A reset makes every entry masked. A write to the address that would leave the
 * window {@link IMS_ADDRESS_WINDOW} keeps the old value.
 */
export const ImsEntry = {
  AddressLo: register('ADDRESS_LO', { offset: 0x0, reset: 0xfee00000, source }, { address: bits(31, 2) }),
  AddressHi: register('ADDRESS_HI', { offset: 0x4, source }, { address: bits(31, 0) }),
  Data: register('DATA', { offset: 0x8, source }, { data: bits(31, 0) }),
  Control: register('CONTROL', { offset: 0xc, reset: 1, source }, {
    /** Interrupts become pending instead of being sent. */
    mask: bit(0),
    pending: bit(1, 'ro'),
    /** Interrupts are dropped, without becoming pending. */
    ignore: bit(2),
    /** Set: only descriptors with this PASID may use the entry. Clear: only descriptors without a PASID. */
    pasidEnable: bit(3),
    pasid: bits(31, 12),
  }),
} as const;
