// The capabilities from offset 0x100 on (DSA spec 3.0 appendix C). ATS, PASID and PRI act on the device; of the others
// only what appendix C gives a value for is declared, so that software finds the chain a real function has.
import { bit, bits, register } from '@siov/base';

const source = 'DSA spec 3.0 appendix C';
const header = { id: bits(15, 0), version: bits(19, 16), next: bits(31, 20) } as const;

export const AER_HEADER = register('AER_HEADER', { offset: 0x100, reset: 0x15020001, access: 'ro', source }, header);
export const LTR_HEADER = register('LTR_HEADER', { offset: 0x150, reset: 0x16010018, access: 'ro', source }, header);
export const LTR = register('LTR', { offset: 0x154, source }, {
  maxSnoop: bits(9, 0), snoopScale: bits(12, 10), maxNoSnoop: bits(25, 16), noSnoopScale: bits(28, 26),
});
export const TPH_HEADER = register('TPH_HEADER', { offset: 0x160, reset: 0x17010017, access: 'ro', source }, header);

export const VC_HEADER = register('VC_HEADER', { offset: 0x170, reset: 0x20010002, access: 'ro', source }, header);
/** One virtual channel beside VC0. */
export const VC_CAP1 = register('VC_CAP1', { offset: 0x174, reset: 1, access: 'ro', source }, { extendedCount: bits(2, 0) });
const virtualChannel = { map: bits(7, 1), id: bits(26, 24) } as const;
/** VC0 carries all traffic classes until software moves some; TC0 always stays (bit 0 is read-only 1). */
export const VC0_CONTROL = register('VC0_CONTROL', { offset: 0x184, reset: 0x800000ff, source }, {
  map0: bit(0, 'ro'), ...virtualChannel, id: bits(26, 24, 'ro'), enable: bit(31, 'ro'),
});
export const VC1_CONTROL = register('VC1_CONTROL', { offset: 0x190, reset: 0x01000000, source }, { ...virtualChannel, enable: bit(31) });

/** Scalable I/O Virtualization: Intel's designated vendor-specific capability 5. Revision 3.0 does not describe its body. */
export const DVSEC_HEADER = register('DVSEC_HEADER', { offset: 0x200, reset: 0x22010023, access: 'ro', source }, header);
export const DVSEC_VENDOR = register('DVSEC_VENDOR', { offset: 0x204, reset: 0x01808086, access: 'ro', source }, {
  vendor: bits(15, 0), revision: bits(19, 16), length: bits(31, 20),
});
export const DVSEC_ID = register('DVSEC_ID', { offset: 0x208, width: 16, reset: 5, access: 'ro', source }, { id: bits(15, 0) });

export const ATS_HEADER = register('ATS_HEADER', { offset: 0x220, reset: 0x2301000f, access: 'ro', source }, header);
/** Queue depth 0 stands for 32. */
export const ATSCAP = register('ATSCAP', { offset: 0x224, width: 16, reset: 0x0060, access: 'ro', source }, {
  queueDepth: bits(4, 0), pageAligned: bit(5), globalInvalidate: bit(6),
});
export const ATSCTL = register('ATSCTL', { offset: 0x226, width: 16, source }, { smallestUnit: bits(4, 0), enable: bit(15) });

export const PASID_HEADER = register('PASID_HEADER', { offset: 0x230, reset: 0x2401001b, access: 'ro', source }, header);
/** 20-bit PASIDs, privileged mode, no execute permission. */
export const PASIDCAP = register('PASIDCAP', { offset: 0x234, width: 16, reset: 0x1404, access: 'ro', source }, {
  execute: bit(1), privileged: bit(2), width20: bits(12, 8),
});
export const PASIDCTL = register('PASIDCTL', { offset: 0x236, width: 16, source }, {
  enable: bit(0), executeEnable: bit(1, 'ro'), privilegedEnable: bit(2),
});

export const PRI_HEADER = register('PRI_HEADER', { offset: 0x240, reset: 0x00010013, access: 'ro', source }, header);
export const PRICTL = register('PRICTL', { offset: 0x244, width: 16, source }, { enable: bit(0), resetRequest: bit(1, 'wo') });
export const PRISTS = register('PRISTS', { offset: 0x246, width: 16, reset: 0x8100, source }, {
  responseFailure: bit(0, 'rw1c'), unexpectedIndex: bit(1, 'rw1c'), stopped: bit(8, 'ro'), pasidRequired: bit(15, 'ro'),
});
/** Outstanding page requests the function can make, and how many software allows it. */
export const PRSREQCAP = register('PRSREQCAP', { offset: 0x248, reset: 0x200, access: 'ro', source }, { capacity: bits(31, 0) });
export const PRSREQALLOC = register('PRSREQALLOC', { offset: 0x24c, source }, { allocation: bits(31, 0) });

export const PCI_EXTENDED_CAPABILITIES = [
  AER_HEADER, LTR_HEADER, LTR, TPH_HEADER, VC_HEADER, VC_CAP1, VC0_CONTROL, VC1_CONTROL, DVSEC_HEADER, DVSEC_VENDOR, DVSEC_ID,
  ATS_HEADER, ATSCAP, ATSCTL, PASID_HEADER, PASIDCAP, PASIDCTL, PRI_HEADER, PRICTL, PRISTS, PRSREQCAP, PRSREQALLOC,
] as const;
