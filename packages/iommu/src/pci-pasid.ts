// The PASID capability of a PCI Express function: switched on by IOMMU management, before the function's driver enables
// anything (pci_enable_pasid()).
import { bit, bits, fail, ok, register } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';
import { findExtendedCapability } from './pci-extended-capability.ts';

const SOURCE = 'PCI Express 5.0';
const PASID_CAPABILITY = 0x1b;

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
  const at = yield* findExtendedCapability(device, PASID_CAPABILITY);
  if (at === 0) return noCapability(device);
  const capability = yield* readRegister(config, PasidCapability, at);
  const privilegedEnable = PasidCapability.privilegedSupported.get(capability);
  yield* writeRegister(config, PasidControl, PasidControl.of({ enable: 1, privilegedEnable }), at);
  return ok();
}

/** pci_max_pasids(), as a width: bits of PASID the function sends. `ENODEV`: no such capability. */
export function* pciPasidWidth(device: PciDevice): Steps<Result<number, 'ENODEV'>> {
  const at = yield* findExtendedCapability(device, PASID_CAPABILITY);
  if (at === 0) return noCapability(device);
  return ok(PasidCapability.maxPasidWidth.get(yield* readRegister(device.resources.config, PasidCapability, at)));
}

function noCapability(device: PciDevice): Result<never, 'ENODEV'> {
  return fail('ENODEV', `${device.name} has no PASID capability`);
}
