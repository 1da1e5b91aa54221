// WQCFG: one work queue (DSA spec 3.0 §9.2). A write to a field that is read-only at the moment is ignored, never an
// error; the Linux driver rewrites all of it whenever a queue is enabled.
import { bit, bits, register } from '@siov/base';

const source = 'DSA spec 3.0 §9.2';
const wqDisabled = 'rw:wq-disabled';

/** Bytes an entry by WQCAP.wqcfgSize: 2^(n+5). */
export function wqcfgSize(exponent: number): number {
  return 1 << (exponent + 5);
}

/** WQCFG.Status.state. */
export const WQ_STATE = { DISABLED: 0, ENABLED: 1, DRAINING: 2 } as const;

export const Wqcfg = {
  /** Entries; 0: the queue is inactive. */
  Size: register('SIZE', { offset: 0x00, access: 'rw:device-disabled', source }, { size: bits(15, 0) }),
  /** Entries a limited portal of a shared queue may fill. */
  Threshold: register('THRESHOLD', { offset: 0x04, source }, { threshold: bits(15, 0) }),
  Mode: register('MODE', { offset: 0x08, access: wqDisabled, source }, {
    /** 1: dedicated; 0: shared. */
    dedicated: bit(0),
    blockOnFaultEnable: bit(1), atsDisable: bit(2), prsDisable: bit(3), priority: bits(7, 4),
    /** Of every descriptor, where the queue is dedicated. */
    pasid: bits(27, 8),
    pasidEnable: bit(28), priv: bit(29),
  }),
  Limits: register('LIMITS', { offset: 0x0c, access: wqDisabled, source }, {
    /** 2^n bytes. */
    maxTransferShift: bits(4, 0),
    /** 2^n descriptors. */
    maxBatchShift: bits(8, 5),
    maxSglShift: bits(12, 9),
  }),
  OccupancyInterrupt: register('OCCUPANCY_INTERRUPT', { offset: 0x10, access: wqDisabled, source }, {
    handle: bits(15, 0),
    /** 1: the handle is of the IMS; 0: of the MSI-X table. */
    ims: bit(16),
  }),
  OccupancyLimit: register('OCCUPANCY_LIMIT', { offset: 0x14, source }, {
    limit: bits(15, 0, 'rw:occupancy-interrupt-disabled'), interruptEnable: bit(16),
  }),
  Status: register('STATUS', { offset: 0x18, access: 'ro', source }, {
    occupancy: bits(15, 0), occupancyInterruptGenerated: bit(16, 'rw1c'), modeSupport: bit(29), state: bits(31, 30),
  }),
} as const;

/** The eight words of the operation configuration (reset: OPCAP), present in WQCFGs of 64 bytes. */
export const WqcfgOperations = register('OPCFG', { offset: 0x20, access: wqDisabled, source }, { operations: bits(31, 0) });
