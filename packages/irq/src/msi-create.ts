// msi_create_device_irq_domain(): a device's own MSI domain, stacked on a parent that takes such (kernel/irq/msi.c).
import { fail } from '@siov/base';
import type { Result } from '@siov/base';
import type { Device } from '@siov/device';
import type { IrqCore } from './core.ts';
import type { IrqDomain } from './domain.ts';
import { deviceMsi, setMsiDomain } from './msi-device.ts';
import type { DeviceMsi, MsiDomainId } from './msi-device.ts';
import { MsiDomain } from './msi-domain.ts';
import { initDevMsiFlags } from './msi-parent.ts';
import { MSI_MAX_HWSIZE } from './msi-types.ts';
import type { MsiAllocInfo, MsiDomainTemplate } from './msi-types.ts';

/**
 * Makes the domain and hangs it on the device. The kernel only says false; here is why, in its order: `EINVAL`: `parent`
 * is no MSI parent, or more slots than an index can name; `ENOMEM`: no memory for the template, the firmware node or the
 * device's data; `EEXIST`: the device has a domain with this id; `EINVAL`: the parent refuses the template; `ENOMEM`: no
 * memory for the domain. `clearMsiDomain()` takes it away again.
 */
export function createDeviceMsiDomain<C>(
  core: IrqCore,
  device: Device,
  parent: IrqDomain<MsiAllocInfo>,
  template: MsiDomainTemplate<C>,
  id: MsiDomainId = 'default',
): Result<DeviceMsi<C>, 'EINVAL' | 'EEXIST' | 'ENOMEM'> {
  const { state } = core.ports;
  const ops = parent.options.msiParent;
  if (ops === undefined) return fail('EINVAL', `${device.name}: ${parent.name} takes no MSI domains of devices`);
  if (template.hwsize > MSI_MAX_HWSIZE) return fail('EINVAL', `${device.name}: ${template.hwsize} slots are more than ${MSI_MAX_HWSIZE}`);
  for (const resource of ['msi_domain_template', 'fwnode']) {
    if (!state.grant(resource)) return fail('ENOMEM', `${device.name}: no memory for its ${resource}`);
  }
  if (deviceMsi(device, id) !== undefined) return fail('EEXIST', `${device.name} has a ${id} MSI domain already`);
  const flags = initDevMsiFlags(ops, template.flags ?? {}, `${template.name}-${device.name}`);
  if (!flags.ok) return flags;
  if (!state.grant('irq_domain')) return fail('ENOMEM', `${device.name}: no memory for an irq domain`);
  const domain = new MsiDomain(core, device, parent, template);
  const set = setMsiDomain(core, device, domain, id);
  if (!set.ok) domain.irqDomain.remove();
  return set;
}
