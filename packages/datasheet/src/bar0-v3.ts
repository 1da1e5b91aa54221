// BAR0 registers that a version 3.0 device adds (DSA spec 3.0 §9.2.29-32). Data only: devices that say version 1.0 have
// reserved space there.
import { bit, bits, register } from '@siov/base';

export const IDCAP = register('IDCAP', { offset: 0x100, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.29-32' }, {
  entryTypes: bits(1, 0), idptSize: bits(23, 8), offsetMode: bit(24), suppressDrain: bit(25), entrySize: bits(27, 26),
});
export const DSACAP0 = register('DSACAP0', { offset: 0x180, width: 64, access: 'ro', source: 'DSA spec 3.0 §9.2.29-32' }, {
  maxSglShift: bits(3, 0), gatherReduceBlock: bits(7, 4), interDomainOperations: bits(14, 8), sglFormats: bits(47, 32),
});
