// The PASID capability of a PCI Express function: switched on by IOMMU management, before the function's driver enables
// anything (pci_enable_pasid()).
import { bit, bits, fail, ok, register } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';

const SOURCE = 'PCI Express 5.0';
const FIRST_EXTENDED_CAPABILITY = 0x100;
const PASID_CAPABILITY = 0x1b;

const ExtendedHeader = register('Extended capability header', { offset: 0, source: `${SOURCE} 7.6.3` }, {
  id: bits(15, 0),
  version: bits(19, 16),
  next: bits(31, 20),
});
const PasidCapability = register('PASID capability', { offset: 4, width: 16, source: `${SOURCE} 7.8.8.2` }, {
  executeSupported: bit(1),
  privilegedSupported: bit(2),
  maxPasidWidth: bits(12, 8),
});
const PasidControl = register('PASID control', { offset: 6, width: 16, source: `${SOURCE} 7.8.8.3` }, {
  enable: bit(0),
  executeEnable: bit(1),
  privilegedEnable: bit(2),
});

/** Enables requests with PASID, privileged ones too where the function has them. `ENODEV`: no such capability. */
export function* enablePciPasid(device: PciDevice): Steps<Result<void, 'ENODEV'>> {
  const { config } = device.resources;
  // Each capability takes at least 8 of 3840 bytes: a longer list is a loop.
  let at = FIRST_EXTENDED_CAPABILITY;
  for (let left = 480; at !== 0 && left > 0; left--) {
    const header = yield* readRegister(config, ExtendedHeader, at);
    if (ExtendedHeader.id.get(header) === PASID_CAPABILITY) {
      const capability = yield* readRegister(config, PasidCapability, at);
      const privilegedEnable = PasidCapability.privilegedSupported.get(capability);
      yield* writeRegister(config, PasidControl, PasidControl.of({ enable: 1, privilegedEnable }), at);
      return ok();
    }
    at = ExtendedHeader.next.get(header);
  }
  return fail('ENODEV', `${device.name} has no PASID capability`);
}
