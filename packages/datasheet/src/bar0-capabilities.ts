// BAR0, what the device says about itself: read-only registers whose images are the profile's (DSA spec 3.0 §9.2).
import { bit, bits, register, wideBits } from '@siov/base';

export const VERSION = register('VERSION', { offset: 0x00, access: 'ro', source: 'DSA spec 3.0 §9.2' }, {
  minor: bits(7, 0), major: bits(15, 8),
});

export const GENCAP = register('GENCAP', { offset: 0x10, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.2' }, {
  blockOnFault: bit(0), overlappingCopy: bit(1), cacheControl: bit(2), cacheFlush: bit(3),
  /** CMDCAP is valid; without it commands 1 to 12 exist. */
  commandCapabilities: bit(4),
  durableWrite: bit(5), interDomain: bit(6), translationFetchStride: bit(7), destinationReadback: bit(8), drainReadback: bit(9),
  fillPattern16: bit(10), crc64: bit(11), recordFaultInfo: bit(12),
  /** 0: no event log; 1, 2, 3: entries of 64, 128, 256 bytes. */
  eventLog: bits(14, 13),
  batchContinuation: bit(15),
  /** Largest transfer: 2^n bytes. */
  maxTransferShift: bits(20, 16),
  /** Largest batch: 2^n descriptors. */
  maxBatchShift: bits(24, 21),
  /** Interrupt message store: n x 256 entries. 0: no IMS and no IMS portals. */
  imsSize: bits(30, 25),
  /** 1: WQCFG, GRPCFG and the rest can be written; 0: they are fixed, as in a virtual device. */
  configurationSupport: bit(31),
  eventLogOverflow: bit(32), maxDescriptorsPerEngine: bits(39, 33),
  /** A batch of one descriptor is allowed. */
  batch1: bit(52),
});

export const WQCAP = register('WQCAP', { offset: 0x20, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.3' }, {
  /** Entries all work queues share. */
  totalWqSize: bits(15, 0),
  numberOfWqs: bits(23, 16),
  /** A WQCFG takes 2^(n+5) bytes. */
  wqcfgSize: bits(27, 24),
  sharedMode: bit(48), dedicatedMode: bit(49), atsDisable: bit(50), priority: bit(51), occupancy: bit(52), occupancyInterrupt: bit(53),
  operationConfig: bit(54), prsDisable: bit(55),
});

export const GRPCAP = register('GRPCAP', { offset: 0x30, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.4' }, {
  numberOfGroups: bits(7, 0), totalReadBuffers: bits(15, 8), readBufferControls: bit(16), globalReadBufferLimit: bit(17),
  progressLimit: bit(18), bandwidthLimit: bit(19),
});

export const ENGCAP = register('ENGCAP', { offset: 0x38, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.5' }, {
  numberOfEngines: bits(7, 0), maxWorkDescriptors: bits(15, 8), maxBatchDescriptors: bits(23, 16),
});

const opcap = (index: 0 | 1 | 2 | 3) => ({ offset: 0x40 + 8 * index, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2' }) as const;
const operations = { operations: wideBits(63, 0) } as const;
/** Bit n of the 256: operation code n is supported. */
export const OPCAP = [
  register('OPCAP0', opcap(0), operations), register('OPCAP1', opcap(1), operations),
  register('OPCAP2', opcap(2), operations), register('OPCAP3', opcap(3), operations),
] as const;

/** Where the tables are, in units of {@link TABLE_OFFSET_UNIT} bytes from the start of BAR0. */
export const OFFSETS = register('OFFSETS', { offset: 0x60, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.7' }, {
  grpcfg: bits(15, 0), wqcfg: bits(31, 16), msixperm: bits(47, 32), ims: bits(63, 48),
});
/** 0 stands for a table that is absent. */
export const OFFSETS_HI = register('OFFSETS_HI', { offset: 0x68, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.7' }, {
  perfmon: bits(15, 0), idpt: bits(31, 16),
});
export const TABLE_OFFSET_UNIT = 0x100;

/** Bit n: command code n is supported. Meaningful only with GENCAP.commandCapabilities. */
export const CMDCAP = register('CMDCAP', { offset: 0xb0, access: 'ro', source: 'DSA spec 3.0 §9.2.12-14' }, { commands: bits(31, 0) });

export const BAR0_CAPABILITIES = [VERSION, GENCAP, WQCAP, GRPCAP, ENGCAP, ...OPCAP, OFFSETS, OFFSETS_HI, CMDCAP] as const;
