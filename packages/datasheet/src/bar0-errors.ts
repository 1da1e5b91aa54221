// BAR0, where errors without a completion record go: the software error register and the event log (DSA spec 3.0 §9.2.15-17).
import { bit, bits, register, wideBits } from '@siov/base';

const sw = 'DSA spec 3.0 §9.2.15';

/** First error since `valid` was cleared; the PASID and operation fields count with `descriptorValid` only. */
export const SWERROR0 = register('SWERROR0', { offset: 0xc0, width: 64, access: 'ro', source: sw }, {
  valid: bit(0, 'rw1c'),
  /** Another error came while `valid` was 1, and is lost. */
  overflow: bit(1, 'rw1c'),
  descriptorValid: bit(2), wqIndexValid: bit(3), batchMember: bit(4),
  /** The access that faulted was a write. */
  faultWrite: bit(5),
  priv: bit(6), errorInfoValid: bit(7),
  /** A completion status code, or one of SOFTWARE_ERROR. */
  error: bits(15, 8),
  wqIndex: bits(23, 16), operation: bits(39, 32), pasid: bits(59, 40),
});
export const SWERROR1 = register('SWERROR1', { offset: 0xc8, width: 64, access: 'ro', source: sw }, {
  batchIndex: bits(15, 0),
  /** Error 11: the invalid flags. Error 19: the handle in its low 16 bits. */
  errorInfo: bits(63, 32),
});
export const SWERROR2 = register('SWERROR2', { offset: 0xd0, width: 64, access: 'ro', source: sw }, { faultAddress: wideBits(63, 0) });
export const SWERROR3 = register('SWERROR3', { offset: 0xd8, width: 64, access: 'ro', source: sw }, {});

const log = 'DSA spec 3.0 §9.2.16';
export const EVLCFG0 = register('EVLCFG0', { offset: 0xe0, width: 64, access: 'rw:device-disabled', source: log }, {
  pasidEnable: bit(0), priv: bit(1),
  /** In units of 4 KiB. */
  base: wideBits(63, 12),
});
export const EVLCFG1 = register('EVLCFG1', { offset: 0xe8, width: 64, access: 'rw:device-disabled', source: log }, {
  /** Entries, at least 64. */
  size: bits(15, 0),
  pasid: bits(35, 16),
});
export const EVLSTATUS = register('EVLSTATUS', { offset: 0xf0, width: 64, source: 'DSA spec 3.0 §9.2.17' }, {
  head: bits(15, 0), tail: bits(47, 32, 'ro'), interruptPending: bit(62, 'rw1c'),
});

export const BAR0_SOFTWARE_ERROR = [SWERROR0, SWERROR1, SWERROR2, SWERROR3] as const;
/** Present with GENCAP.eventLog only. */
export const BAR0_EVENT_LOG = [EVLCFG0, EVLCFG1, EVLSTATUS] as const;
