// Where a PCI Express function has an extended capability (pci_find_ext_capability()).
import { bits, register } from '@siov/base';
import type { Steps } from '@siov/base';
import { readRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';

const FIRST = 0x100;

const ExtendedHeader = register('Extended capability header', { offset: 0, source: 'PCI Express 5.0 7.6.3' }, {
  id: bits(15, 0),
  version: bits(19, 16),
  next: bits(31, 20),
});

/** Offset in config space of the first capability `id`; 0: there is none. */
export function* findExtendedCapability({ resources: { config } }: PciDevice, id: number): Steps<number> {
  let at = FIRST;
  // Each capability takes at least 8 of 3840 bytes: a longer list is a loop.
  for (let left = 480; at !== 0 && left > 0; left--) {
    const header = yield* readRegister(config, ExtendedHeader, at);
    if (ExtendedHeader.id.get(header) === id) return at;
    at = ExtendedHeader.next.get(header);
  }
  return 0;
}
