// The MSI-X table and the permission table beside it: entry n of one belongs to entry n of the other
// (PCI local bus 3.0 §6.8.2; DSA spec 3.0 §9.2).
import { bit, bits, register } from '@siov/base';

const source = 'PCI local bus 3.0 §6.8.2';

/** 16 bytes an entry; all entries are masked after a reset. */
export const MSIX_ENTRY_SIZE = 16;
export const MsixEntry = {
  AddressLo: register('ADDRESS_LO', { offset: 0x0, source }, { address: bits(31, 2) }),
  AddressHi: register('ADDRESS_HI', { offset: 0x4, source }, { address: bits(31, 0) }),
  Data: register('DATA', { offset: 0x8, source }, { data: bits(31, 0) }),
  Control: register('CONTROL', { offset: 0xc, reset: 1, source }, { mask: bit(0) }),
} as const;

/** 32 pending bits of the pending bit array; bit n of word w belongs to entry 32w + n. */
export const MsixPending = register('PBA', { offset: 0x0, access: 'ro', source }, { pending: bits(31, 0) });

/** 8 bytes an entry, of which the low four are defined. Writable at any time. */
export const MSIXPERM_SIZE = 8;
export const Msixperm = register('MSIXPERM', { offset: 0x0, source: 'DSA spec 3.0 §9.2' }, {
  /** Completion interrupts through this entry are dropped, without becoming pending. */
  ignore: bit(2),
  pasidEnable: bit(3),
  pasid: bits(31, 12),
});
