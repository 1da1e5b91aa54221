// The entries of the DMA-remapping tables, word by word as the hardware reads them (VT-d chapter 9; the kernel's side of
// it is drivers/iommu/intel/pasid.h and iommu.h).
import { bit, bits, register } from '@siov/base';

/** Root table: one entry of 128 bits a bus (9.1, 9.2). Scalable mode: the halves of the bus have a context table each. */
export const RootEntry = {
  WORDS: 4,
  Lower: register('Root entry 31:0', { offset: 0, source: 'VT-d 9.1, 9.2' }, { present: bit(0), contextTable: bits(31, 12) }),
  Upper: register('Root entry 95:64', { offset: 8, source: 'VT-d 9.2' }, { present: bit(0), contextTable: bits(31, 12) }),
} as const;

/** Context entry of legacy mode, 128 bits (9.3). */
export const LegacyContextEntry = {
  WORDS: 4,
  Low: register('Context entry 31:0', { offset: 0, source: 'VT-d 9.3' }, {
    present: bit(0),
    faultDisable: bit(1),
    /** 0: requests are translated; 2: pass-through. */
    translationType: bits(3, 2),
    secondLevel: bits(31, 12),
  }),
  Domain: register('Context entry 95:64', { offset: 8, source: 'VT-d 9.3' }, { addressWidth: bits(2, 0), domainId: bits(23, 8) }),
} as const;

/** Context entry of scalable mode, 256 bits (9.4). */
export const ContextEntry = {
  WORDS: 8,
  Low: register('Scalable context entry 31:0', { offset: 0, source: 'VT-d 9.4' }, {
    present: bit(0),
    faultDisable: bit(1),
    deviceTlb: bit(2),
    pasidEnable: bit(3),
    pageRequest: bit(4),
    /** The directory has 2^(value + 7) entries. */
    directorySize: bits(11, 9),
    directory: bits(31, 12),
  }),
  RidPasid: register('Scalable context entry 95:64', { offset: 8, source: 'VT-d 9.4' }, { ridPasid: bits(19, 0), ridPriv: bit(20) }),
} as const;

/** PASID directory entry, 64 bits, found by PASID[19:6] (9.5). */
export const DirectoryEntry = {
  WORDS: 2,
  Low: register('PASID directory entry 31:0', { offset: 0, source: 'VT-d 9.5' }, { present: bit(0), faultDisable: bit(1), table: bits(31, 12) }),
} as const;

/** PASID table entry, 512 bits, found by PASID[5:0] (9.6). */
export const PasidEntry = {
  WORDS: 16,
  Low: register('PASID entry 31:0', { offset: 0, source: 'VT-d 9.6' }, {
    present: bit(0),
    faultDisable: bit(1),
    /** 2: 4-level tables (48 bits). */
    addressWidth: bits(4, 2),
    /** PGTT: 1 first-level, 2 second-level, 3 nested, 4 pass-through. */
    translationType: bits(8, 6),
    secondLevel: bits(31, 12),
  }),
  SecondLevelHi: register('PASID entry 63:32', { offset: 4, source: 'VT-d 9.6' }, { secondLevel: bits(31, 0) }),
  Domain: register('PASID entry 95:64', { offset: 8, source: 'VT-d 9.6' }, { domainId: bits(15, 0), pageWalkSnoop: bit(23) }),
  FirstLevel: register('PASID entry 159:128', { offset: 16, source: 'VT-d 9.6' }, {
    /** Supervisor requests enable. */
    supervisor: bit(0),
    /** 0: 4-level paging. */
    pagingMode: bits(3, 2),
    /** Privileged requests may not write read-only pages, as with CR0.WP. */
    writeProtect: bit(4),
    firstLevel: bits(31, 12),
  }),
  FirstLevelHi: register('PASID entry 191:160', { offset: 20, source: 'VT-d 9.6' }, { firstLevel: bits(31, 0) }),
} as const;

/** PASID-granular translation type, by what a domain does. */
export const TRANSLATION_TYPE = { 'first-level': 1, 'second-level': 2, 'pass-through': 4 } as const;
export type TranslationType = keyof typeof TRANSLATION_TYPE;

/** Entries of one PASID table: PASID[5:0]. */
export const PASIDS_PER_TABLE = 64;
/** 48-bit addresses. */
export const FOUR_LEVELS = 2;
