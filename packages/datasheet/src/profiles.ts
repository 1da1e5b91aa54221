// The devices that come with the package.
import { CMDCAP, ENGCAP, GENCAP, GRPCAP, OFFSETS, OFFSETS_HI, OPCAP, VERSION, WQCAP } from './bar0-capabilities.ts';
import { PCI_ID } from './pci-header.ts';
import { defineProfile, withEventLog } from './profile.ts';

const shared = {
  vendor: PCI_ID.INTEL,
  device: PCI_ID.DSA,
  revision: 0,
  VERSION: VERSION.of({ major: 1 }),
  /** MSIXPERM 0x200, GRPCFG 0x300, WQCFG 0x400, IMS 0x4000: as a Sapphire Rapids device reports. */
  OFFSETS: OFFSETS.of({ grpcfg: 0x3, wqcfg: 0x4, msixperm: 0x2, ims: 0x40 }),
  /** No performance monitor, no inter-domain table. */
  OFFSETS_HI: OFFSETS_HI.reset,
  bar0Size: 0x10000,
} as const;

/** Like the DSA 1.0 of a Sapphire Rapids: 8 work queues, 4 groups, 4 engines, 2048 IMS entries, no CMDCAP. */
export const DSA_SPR = defineProfile({
  ...shared,
  name: 'dsa-spr',
  GENCAP: GENCAP.image(0x00000040_915f0107n),
  WQCAP: WQCAP.image(0x003f0000_00080080n),
  GRPCAP: GRPCAP.image(0x00000000_00036004n),
  ENGCAP: ENGCAP.of({ numberOfEngines: 4 }),
  OPCAP: OPCAP[0].image(0x00000001_003f027fn),
  CMDCAP: CMDCAP.reset,
  msix: { count: 9, table: 0x2000, pba: 0x3000 },
  bar2Size: 0x20000,
});

/**
 * The least a stock Linux driver binds to, for tests and exploration: 2 work queues (shared or dedicated), 1 group,
 * 2 engines, 256 IMS entries, No-op, Drain and Memory move; and unlike {@link DSA_SPR} interrupt handles are requested.
 */
export const DSA_SMALL = defineProfile({
  ...shared,
  name: 'dsa-small',
  // The driver writes its defaults of 2 MiB (2^21) transfers and batches of 32 (2^5) without looking at the limits.
  GENCAP: GENCAP.of({ commandCapabilities: 1, maxTransferShift: 21, maxBatchShift: 5, imsSize: 1, configurationSupport: 1 }),
  WQCAP: WQCAP.of({ totalWqSize: 32, numberOfWqs: 2, sharedMode: 1, dedicatedMode: 1 }),
  GRPCAP: GRPCAP.of({ numberOfGroups: 1, totalReadBuffers: 8 }),
  ENGCAP: ENGCAP.of({ numberOfEngines: 2 }),
  OPCAP: OPCAP[0].of({ operations: 0x0dn }),
  CMDCAP: CMDCAP.of({ commands: 0x7ffe }),
  msix: { count: 3, table: 0x2000, pba: 0x3000 },
  bar2Size: 0x8000,
});

/**
 * {@link DSA_SPR} as version 2.0 with an event log, and with page requests that a queue can do without. The other values
 * stay those of a Sapphire Rapids: no such device exists, it is there to try what an event log does.
 */
export const DSA_EVENT_LOG = defineProfile({
  ...withEventLog(DSA_SPR, { overflow: true }),
  name: 'dsa-event-log',
  VERSION: VERSION.of({ major: 2 }),
  WQCAP: WQCAP.prsDisable.set(DSA_SPR.WQCAP, 1),
});
