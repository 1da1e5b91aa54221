// Address translation and page requests of a PCI Express function, in the order IOMMU management switches them on: PASID,
// ATS, PRI (drivers/pci/ats.c; its checks are from memory of the source, not looked up).
import { bit, bits, fail, ok, register } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';
import { findExtendedCapability } from './pci-extended-capability.ts';

const SOURCE = 'PCI Express 5.0';
const ATS_CAPABILITY = 0x0f;
const PRI_CAPABILITY = 0x13;

const AtsControl = register('ATS control', { offset: 6, width: 16, source: `${SOURCE} 10.5.1.3` }, {
  /** Smallest translation: 4 KiB times two to this. */
  smallestUnit: bits(4, 0),
  enable: bit(15),
});
const PriControl = register('Page request control', { offset: 4, width: 16, source: `${SOURCE} 10.5.2.2` }, { enable: bit(0), resetRequests: bit(1) });
const PriStatus = register('Page request status', { offset: 6, width: 16, source: `${SOURCE} 10.5.2.3` }, {
  responseFailure: bit(0),
  unexpectedGroup: bit(1),
  /** No request of before is on its way any more. */
  stopped: bit(8),
  pasidRequired: bit(15),
});
const PriCapacity = register('Outstanding page request capacity', { offset: 8, source: `${SOURCE} 10.5.2.4` }, { requests: bits(31, 0) });
const PriAllocation = register('Outstanding page request allocation', { offset: 12, source: `${SOURCE} 10.5.2.5` }, { requests: bits(31, 0) });

/** pci_enable_ats() with pages of 4 KiB. `EINVAL`: no such capability; `EBUSY`: it is on. */
export function* enablePciAts(device: PciDevice): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  const { config } = device.resources;
  const at = yield* findExtendedCapability(device, ATS_CAPABILITY);
  if (at === 0) return fail('EINVAL', `${device.name} has no ATS capability`);
  if (AtsControl.enable.get(yield* readRegister(config, AtsControl, at)) === 1) return fail('EBUSY', `${device.name}: ATS is on`);
  yield* writeRegister(config, AtsControl, AtsControl.of({ enable: 1 }), at);
  return ok();
}

/**
 * pci_enable_pri(): at most `requests` page requests on their way at a time; the value is how many the function got, as it
 * may have room for fewer. `EINVAL`: no such capability; `EBUSY`: it is on, or requests of before are still on their way.
 */
export function* enablePciPri(device: PciDevice, requests: number): Steps<Result<number, 'EINVAL' | 'EBUSY'>> {
  const { config } = device.resources;
  const at = yield* findExtendedCapability(device, PRI_CAPABILITY);
  if (at === 0) return fail('EINVAL', `${device.name} has no page request capability`);
  if (PriControl.enable.get(yield* readRegister(config, PriControl, at)) === 1) return fail('EBUSY', `${device.name}: page requests are on`);
  if (PriStatus.stopped.get(yield* readRegister(config, PriStatus, at)) === 0) return fail('EBUSY', `${device.name}: page requests of before are on their way`);
  const given = Math.min(requests, PriCapacity.requests.get(yield* readRegister(config, PriCapacity, at)));
  yield* writeRegister(config, PriAllocation, PriAllocation.of({ requests: given }), at);
  yield* writeRegister(config, PriControl, PriControl.of({ enable: 1 }), at);
  return ok(given);
}
