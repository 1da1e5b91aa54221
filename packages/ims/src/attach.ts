// The typed way from a struct device to the IMS domain it allocates from (R25): the irq core's own answer does not know
// what an allocation has to bring.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { deviceKey } from '@siov/device';
import type { Device, PasidWitness } from '@siov/device';
import { clearMsiDomain, setMsiDomain } from '@siov/irq';
import type { DeviceMsi, IrqCore, MsiDomain, MsiDomainId } from '@siov/irq';

const IMS = deviceKey<{ readonly msi: DeviceMsi<PasidWitness>; readonly id: MsiDomainId }>('ims');

/**
 * `device` allocates from `domain`, its own or its physical function's (R26). As its secondary domain, beside PCI MSI-X,
 * unless `id` says otherwise. Errors: those of `setMsiDomain`.
 */
export function attachIms(core: IrqCore, device: Device, domain: MsiDomain<PasidWitness>, id: MsiDomainId = 'secondary'): Result<DeviceMsi<PasidWitness>, 'EEXIST' | 'ENOMEM'> {
  if (device.get(IMS) !== undefined) return fail('EEXIST', `${device.name} has an IMS domain already`);
  const msi = setMsiDomain(core, device, domain, id);
  if (!msi.ok) return msi;
  device.set(IMS, { msi: msi.value, id });
  return ok(msi.value);
}

/** Where `device` gets its IMS interrupts; undefined when nowhere. */
export function imsOf(device: Device): DeviceMsi<PasidWitness> | undefined {
  return device.get(IMS)?.msi;
}

/** Undoes {@link attachIms}; harmless when there is nothing to undo. Throws `ModelError` while the device has interrupts. */
export function detachIms(device: Device): void {
  const attached = device.get(IMS);
  if (attached === undefined) return;
  clearMsiDomain(device, attached.id);
  device.delete(IMS);
}
