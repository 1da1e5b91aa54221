// What is switched on for a function (enum iommu_dev_features; iommu_dev_enable_feature(), iommu_dev_disable_feature()).
import { fail, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import type { Device } from '@siov/device';
import type { Devices } from './devices.ts';

/**
 * `iopf`: a page that is missing is asked for (page requests); `sva`: process address spaces can be bound; `aux`: its
 * mediated devices have domains of their own, and the function as a whole gets none while one of them is attached.
 */
export type IommuFeature = 'iopf' | 'sva' | 'aux';

type Enabled = Readonly<Record<IommuFeature, boolean>>;
const NONE: Enabled = Object.freeze({ iopf: false, sva: false, aux: false });

export class Features {
  readonly #devices: Devices;
  readonly #scalable: boolean;
  /** By requester id: features are the function's. */
  readonly #enabled: Map<number, Enabled>;

  constructor(state: StatePort, name: string, devices: Devices, scalable: boolean) {
    this.#devices = devices;
    this.#scalable = scalable;
    this.#enabled = state.map(`${name}/features`);
  }

  has(requesterId: number, feature: IommuFeature): boolean {
    return this.#enabled.get(requesterId)?.[feature] ?? false;
  }

  enabled(requesterId: number): IommuFeature[] {
    return (['iopf', 'sva', 'aux'] as const).filter((feature) => this.has(requesterId, feature));
  }

  /**
   * `ENODEV`: not behind the IOMMU, mediated (the function's driver decides), no scalable mode, or `iopf` for a function
   * that makes no page requests. `EBUSY`: `iopf` is on. `EINVAL`: a function that makes page requests needs `iopf`
   * before `sva` (intel_iommu_dev_enable_feat()). `sva` and `aux` again are harmless. The codes of `aux` and of `iopf`
   * twice are from memory of the kernel source, not looked up.
   */
  enable(device: Device, feature: IommuFeature): Result<void, 'ENODEV' | 'EBUSY' | 'EINVAL'> {
    const probed = this.#devices.get(device);
    if (probed === undefined || device.isMediated) return fail('ENODEV', `${device.name} is no function behind this IOMMU`);
    if (!this.#scalable) return fail('ENODEV', `${device.name}: the IOMMU is not in scalable mode, which ${feature} needs`);
    const { requesterId } = device;
    if (feature === 'iopf') {
      if (!probed.pageRequests) return fail('ENODEV', `${device.name} makes no page requests`);
      if (this.has(requesterId, 'iopf')) return fail('EBUSY', `${device.name}: iopf is on already`);
    }
    if (feature === 'sva' && probed.pageRequests && !this.has(requesterId, 'iopf')) {
      return fail('EINVAL', `${device.name} makes page requests: iopf has to be on before sva`);
    }
    this.#set(requesterId, feature, true);
    return ok();
  }

  /**
   * `EBUSY`: `aux` while a mediated device of the function is attached, `sva` while an address space is bound, `iopf`
   * while `sva` is on. `EINVAL`: it is not on.
   */
  disable(device: Device, feature: IommuFeature): Result<void, 'ENODEV' | 'EBUSY' | 'EINVAL'> {
    if (this.#devices.get(device) === undefined || device.isMediated) return fail('ENODEV', `${device.name} is no function behind this IOMMU`);
    const { requesterId } = device;
    if (!this.has(requesterId, feature)) return fail('EINVAL', `${device.name}: ${feature} is not on`);
    if (feature === 'aux' && this.auxAttached(requesterId)) return fail('EBUSY', `${device.name}: its mediated devices are attached`);
    if (feature === 'sva' && this.#bound(requesterId)) return fail('EBUSY', `${device.name} is bound to address spaces`);
    if (feature === 'iopf' && this.has(requesterId, 'sva')) return fail('EBUSY', `${device.name}: sva is on and relies on iopf`);
    this.#set(requesterId, feature, false);
    return ok();
  }

  /** Whether mediated devices of the function have domains of their own. */
  auxAttached(requesterId: number): boolean {
    return this.#devices.of(requesterId).some(({ device, attachments }) => device.isMediated && attachments.size > 0);
  }

  /** The function's last device is gone. */
  forget(requesterId: number): void {
    this.#enabled.delete(requesterId);
  }

  #bound(requesterId: number): boolean {
    return this.#devices.of(requesterId).some(({ attachments }) => [...attachments.values()].some(({ kind }) => kind === 'sva'));
  }

  #set(requesterId: number, feature: IommuFeature, on: boolean): void {
    this.#enabled.set(requesterId, { ...(this.#enabled.get(requesterId) ?? NONE), [feature]: on });
  }
}
