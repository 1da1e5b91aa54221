// The type-0 configuration header of the function (DSA spec 3.0 §9.1, appendix C). The function has no INTx and no I/O
// space, so the bits for them are read-only zero and not declared.
import { bit, bits, register } from '@siov/base';

/** PCI identities of functions that have this register layout. */
export const PCI_ID = {
  INTEL: 0x8086,
  /** DSA 1.0 to 2.0: Sapphire Rapids, Emerald Rapids, Granite Rapids. */
  DSA: 0x0b25,
  /** DSA 3.0. */
  DSA_3: 0x1212,
} as const;

/** Bytes of configuration space a PCI Express function has. */
export const CONFIG_SPACE_SIZE = 4096;

const source = 'DSA spec 3.0 §9.1, appendix C';

export const VENDOR = register('VENDOR', { offset: 0x00, access: 'ro', source }, { vendor: bits(15, 0), device: bits(31, 16) });

export const PCICMD = register('PCICMD', { offset: 0x04, width: 16, source }, {
  memorySpaceEnable: bit(1), busMasterEnable: bit(2), parityErrorResponse: bit(6), serrEnable: bit(8),
});

export const PCISTS = register('PCISTS', { offset: 0x06, width: 16, reset: 0x0010, source }, {
  capabilityList: bit(4, 'ro'), masterDataParityError: bit(8, 'rw1c'), signaledTargetAbort: bit(11, 'rw1c'),
  receivedTargetAbort: bit(12, 'rw1c'), receivedMasterAbort: bit(13, 'rw1c'), signaledSystemError: bit(14, 'rw1c'),
  detectedParityError: bit(15, 'rw1c'),
});

/** Revision and class code: base class 08 (generic system peripheral), sub-class 80, programming interface 00. */
export const CLASS = register('CLASS', { offset: 0x08, reset: 0x08800000, access: 'ro', source }, {
  revision: bits(7, 0), programmingInterface: bits(15, 8), subClass: bits(23, 16), baseClass: bits(31, 24),
});

export const CACHE_LINE_SIZE = register('CACHE_LINE_SIZE', { offset: 0x0c, width: 8, source }, { dwords: bits(7, 0) });

const barLow = {
  io: bit(0, 'ro'), type: bits(2, 1, 'ro'), prefetchable: bit(3, 'ro'),
  /** Bits below the size of the BAR read 0; the size is the profile's. */
  address: bits(31, 4),
} as const;
/** 64-bit (type 2), prefetchable memory. */
const BAR_RESET = 0xc;

export const BAR0 = register('BAR0', { offset: 0x10, reset: BAR_RESET, source }, barLow);
export const BAR0_HI = register('BAR0_HI', { offset: 0x14, source }, { address: bits(31, 0) });
export const BAR2 = register('BAR2', { offset: 0x18, reset: BAR_RESET, source }, barLow);
export const BAR2_HI = register('BAR2_HI', { offset: 0x1c, source }, { address: bits(31, 0) });

export const SUBSYSTEM = register('SUBSYSTEM', { offset: 0x2c, reset: 0x00008086, access: 'ro', source }, {
  vendor: bits(15, 0), subsystem: bits(31, 16),
});
/** No expansion ROM: reads 0 whatever is written. */
export const ROM = register('ROM', { offset: 0x30, access: 'ro', source }, { address: bits(31, 11) });
export const CAPPTR = register('CAPPTR', { offset: 0x34, width: 8, reset: 0x40, access: 'ro', source }, { pointer: bits(7, 0) });
/** Interrupt line is software's to write; pin 0 says there is no INTx. */
export const INTERRUPT = register('INTERRUPT', { offset: 0x3c, width: 16, source }, { line: bits(7, 0), pin: bits(15, 8, 'ro') });

export const PCI_HEADER = [
  VENDOR, PCICMD, PCISTS, CLASS, CACHE_LINE_SIZE, BAR0, BAR0_HI, BAR2, BAR2_HI, SUBSYSTEM, ROM, CAPPTR, INTERRUPT,
] as const;
