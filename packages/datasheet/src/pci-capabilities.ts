// The capabilities below offset 0x100: PCI Express with function level reset, MSI-X, power management
// (DSA spec 3.0 appendix C; field layout of the PCI Express base specification).
import { bit, bits, register } from '@siov/base';

const source = 'DSA spec 3.0 appendix C';
const header = { id: bits(7, 0), next: bits(15, 8) } as const;

export const PCIE_HEADER = register('PCIE_HEADER', { offset: 0x40, width: 16, reset: 0x8010, access: 'ro', source }, header);
/** Version 2, type 9: root complex integrated endpoint. */
export const PCIECAP = register('PCIECAP', { offset: 0x42, width: 16, reset: 0x0092, access: 'ro', source }, {
  version: bits(3, 0), type: bits(7, 4),
});
export const DEVCAP = register('DEVCAP', { offset: 0x44, reset: 0x10008022, access: 'ro', source }, {
  maxPayload: bits(2, 0), extendedTag: bit(5), roleBasedErrors: bit(15), functionLevelReset: bit(28),
});
export const DEVCTL = register('DEVCTL', { offset: 0x48, width: 16, reset: 0x2910, source }, {
  correctableErrorEnable: bit(0), nonFatalErrorEnable: bit(1), fatalErrorEnable: bit(2), unsupportedRequestEnable: bit(3),
  relaxedOrderingEnable: bit(4), maxPayload: bits(7, 5), extendedTagEnable: bit(8), noSnoopEnable: bit(11),
  maxReadRequest: bits(14, 12),
  /** Writing 1 resets the function; reads 0. */
  initiateFunctionLevelReset: bit(15, 'wo'),
});
export const DEVSTS = register('DEVSTS', { offset: 0x4a, width: 16, access: 'rw1c', source }, {
  correctableError: bit(0), nonFatalError: bit(1), fatalError: bit(2), unsupportedRequest: bit(3), transactionsPending: bit(5, 'ro'),
});
export const DEVCAP2 = register('DEVCAP2', { offset: 0x64, reset: 0x10730810, access: 'ro', source }, {
  completionTimeoutRanges: bits(3, 0), completionTimeoutDisable: bit(4), ltr: bit(11), tenBitTagCompleter: bit(16), tenBitTagRequester: bit(17),
  extendedFormat: bit(20), endToEndPrefixes: bit(21), maxEndToEndPrefixes: bits(23, 22), deferrableWriteCompleter: bit(28),
});
export const DEVCTL2 = register('DEVCTL2', { offset: 0x68, width: 16, source }, {
  completionTimeout: bits(3, 0), completionTimeoutDisable: bit(4), ltrEnable: bit(10), tenBitTagEnable: bit(12),
});

export const MSIX_HEADER = register('MSIX_HEADER', { offset: 0x80, width: 16, reset: 0x9011, access: 'ro', source }, header);
/** Message control. The table size (entries - 1) is the profile's. */
export const MSGCTL = register('MSGCTL', { offset: 0x82, width: 16, source }, {
  tableSize: bits(10, 0, 'ro'), functionMask: bit(14), enable: bit(15),
});
/** `offset` here is in units of 8 bytes from the start of the BAR that `bir` names, as in the register. */
export const MSIX_TABLE = register('MSIX_TABLE', { offset: 0x84, access: 'ro', source }, { bir: bits(2, 0), offset8: bits(31, 3) });
export const MSIX_PBA = register('MSIX_PBA', { offset: 0x88, access: 'ro', source }, { bir: bits(2, 0), offset8: bits(31, 3) });

export const PMCAP = register('PMCAP', { offset: 0x90, reset: 0x00030001, access: 'ro', source }, {
  id: bits(7, 0), next: bits(15, 8), version: bits(18, 16),
});
export const PMCSR = register('PMCSR', { offset: 0x94, reset: 0x0008, source }, { powerState: bits(1, 0), noSoftReset: bit(3, 'ro') });

export const PCI_CAPABILITIES = [
  PCIE_HEADER, PCIECAP, DEVCAP, DEVCTL, DEVSTS, DEVCAP2, DEVCTL2, MSIX_HEADER, MSGCTL, MSIX_TABLE, MSIX_PBA, PMCAP, PMCSR,
] as const;
