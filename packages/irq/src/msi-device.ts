// A device's interrupts in one MSI domain (dev->msi.data), and the way to it from the struct device alone (R25).
import { fail, Lock, ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { deviceKey } from '@siov/device';
import type { Device, DeviceKey } from '@siov/device';
import type { IrqAffinityDesc } from './affinity.ts';
import type { IrqCore } from './core.ts';
import { allocAt, allocRange } from './msi-alloc.ts';
import type { MsiAllocErrno } from './msi-alloc.ts';
import { freeRange } from './msi-free.ts';
import type { MsiFreeErrno } from './msi-free.ts';
import type { MsiDomain } from './msi-domain.ts';
import { MsiSlots } from './msi-slots.ts';
import type { MsiDesc } from './msi-types.ts';

/** A device's domains: PCI MSI-X in the first, IMS beside it in the second (MSI_SECONDARY_DOMAIN of Linux 6.2). */
export type MsiDomainId = 'default' | 'secondary';

/**
 * What an allocation needs of {@link DeviceMsi}. `C` is the cookie an allocation has to bring. The calls are properties,
 * so that who holds a device's interrupts without knowing `C` cannot allocate (R15).
 */
export class DeviceMsi<C> {
  readonly device: Device;
  readonly domain: MsiDomain<C>;
  readonly id: MsiDomainId;
  /** msi_lock_descs(): allocating and freeing touch registers and take other locks in between. */
  readonly lock: Lock;
  readonly descs: Map<number, MsiDesc<C>>;
  readonly slots: MsiSlots;

  constructor(device: Device, domain: MsiDomain<C>, id: MsiDomainId) {
    const { state } = domain.core.ports;
    const name = `${device.name}/msi/${id}`;
    this.device = device;
    this.domain = domain;
    this.id = id;
    this.lock = new Lock(state, name);
    this.descs = state.map(name);
    this.slots = new MsiSlots(state, name, domain, this.descs);
  }

  /**
   * msi_domain_alloc_irq_at(): one interrupt number `index` of the device, or its lowest free one. Nothing is left behind
   * by a failure: `EINVAL`: the domain refuses the device or the cookie, or the affinity names no CPU; `ENOMEM`: no
   * memory for the descriptor; `ERANGE`: the index is beyond the hardware; `EBUSY`: it is taken, or the slot is;
   * `ENOSPC`: no slot is left, or whatever a level below ran out of.
   */
  readonly allocIrqAt: (index: number | 'any', cookie: C, affinity?: IrqAffinityDesc | null) => Steps<Result<MsiDesc<C>, MsiAllocErrno>> =
    (index, cookie, affinity = null) => this.lock.with(allocAt(this, index, cookie, affinity));

  /**
   * msi_domain_alloc_irqs_range(): the interrupts `first` to `last`, all or none. Errors as {@link allocIrqAt}; `EINVAL`
   * also for a range that is empty or beyond the hardware. `affinities[n]` is that of `first` + n.
   */
  readonly allocIrqsRange: (
    first: number,
    last: number,
    cookie: C,
    affinities?: readonly (IrqAffinityDesc | null)[],
  ) => Steps<Result<readonly MsiDesc<C>[], MsiAllocErrno>> = (first, last, cookie, affinities = []) =>
    this.lock.with(allocRange(this, first, last, cookie, affinities));

  /**
   * msi_domain_free_irqs_range(): those of `first` to `last` that are allocated. `EINVAL`: an empty range or one beyond
   * the hardware; `EBUSY`: one is still requested, of which the kernel only warns, and none is freed.
   */
  freeIrqsRange(first: number, last: number): Steps<Result<void, MsiFreeErrno>> {
    return this.lock.with(freeRange(this as unknown as DeviceMsi<never>, first, last));
  }

  /** msi_domain_free_irqs_all(). */
  freeIrqsAll(): Steps<Result<void, MsiFreeErrno>> {
    return this.freeIrqsRange(0, this.slots.end - 1);
  }

  desc(index: number): MsiDesc<C> | undefined {
    return this.descs.get(index);
  }

  /** msi_domain_get_virq(): 0 when there is no such interrupt. */
  virq(index: number): number {
    return this.descs.get(index)?.virq ?? 0;
  }
}

const KEYS: Readonly<Record<MsiDomainId, DeviceKey<DeviceMsi<never>>>> = {
  default: deviceKey('msi.default'),
  secondary: deviceKey('msi.secondary'),
};

/**
 * dev_set_msi_domain(): the domain `device` allocates from; its own or its parent's. `EEXIST`: it has one; `ENOMEM`: no
 * memory for what it needs (msi_setup_device_data()).
 */
export function setMsiDomain<C>(core: IrqCore, device: Device, domain: MsiDomain<C>, id: MsiDomainId = 'default'): Result<DeviceMsi<C>, 'EEXIST' | 'ENOMEM'> {
  if (core !== domain.core) throw new ModelError(`${device.name}: MSI domain ${domain.name} belongs to another kernel`);
  if (device.get(KEYS[id]) !== undefined) return fail('EEXIST', `${device.name} has a ${id} MSI domain already`);
  if (!core.ports.state.grant('msi_device_data')) return fail('ENOMEM', `${device.name}: no memory for its MSI data`);
  const msi = new DeviceMsi(device, domain, id);
  device.set(KEYS[id], msi as unknown as DeviceMsi<never>);
  if (device === domain.owner) domain.irqDomain.publish();
  return ok(msi);
}

/**
 * The device no longer allocates from any domain; its own domain is gone with that (msi_remove_device_irq_domain()).
 * Throws {@link ModelError} while it, or for its own domain any device, has interrupts: nobody could free them.
 */
export function clearMsiDomain(device: Device, id: MsiDomainId = 'default'): void {
  const msi = device.get(KEYS[id]);
  if (msi === undefined) return;
  const left = msi.descs.size;
  if (left > 0) throw new ModelError(`${device.name}: its ${id} MSI domain is taken away with ${left} interrupts allocated`);
  if (msi.domain.owner === device) msi.domain.irqDomain.remove();
  device.delete(KEYS[id]);
}

/** dev_get_msi_domain(). */
export function msiDomainOf(device: Device, id: MsiDomainId = 'default'): MsiDomain<never> | undefined {
  return device.get(KEYS[id])?.domain;
}

/** The device's interrupts: to look at and to free; allocating takes who knows the cookie's type. */
export function deviceMsi(device: Device, id: MsiDomainId = 'default'): DeviceMsi<never> | undefined {
  return device.get(KEYS[id]);
}
