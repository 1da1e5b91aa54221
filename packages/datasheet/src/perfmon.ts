// The performance monitor's block, offsets from OFFSETS_HI.perfmon (DSA spec 3.0 §6, §9.2.25). Data for readers of dumps:
// a device whose OFFSETS_HI.perfmon is 0 has none of it.
import { bit, bits, register } from '@siov/base';

const source = 'DSA spec 3.0 §9.2.25';

export const Perfmon = {
  Capabilities: register('PERFCAP', { offset: 0x00, width: 64, access: 'ro', source }, {
    counters: bits(5, 0), counterWidth: bits(15, 8), categories: bits(19, 16), globalCategories: bits(35, 20), filters: bits(43, 36),
    perCounterCapabilities: bit(52), countersWritable: bit(53), freeze: bit(54), overflowInterrupt: bit(55),
  }),
  Reset: register('PERFRST', { offset: 0x10, access: 'wo', source }, { configuration: bit(0), counters: bit(1) }),
  Freeze: register('PERFFRZ', { offset: 0x20, source }, { freeze: bit(0) }),
  OverflowStatus: register('OVFSTATUS', { offset: 0x30, access: 'rw1c', source }, { counters: bits(31, 0) }),
  /** Of category n at 0x80 + 8n. */
  EventCapabilities: register('EVNTCAP', { offset: 0x80, width: 64, access: 'ro', source }, { events: bits(27, 0) }),
  /** Of counter n at 0x100 + 8n. */
  CounterConfig: register('CNTRCFG', { offset: 0x100, width: 64, source }, {
    enable: bit(0), overflowInterrupt: bit(1), freezeOnOverflow: bit(2), category: bits(11, 8), events: bits(59, 32),
  }),
} as const;
