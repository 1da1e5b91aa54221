// Software errors of the function that are a guest's: found by the queue, in a shared queue by the PASID, and told in the
// guest's own numbers.
import { SWERROR0 } from '@siov/datasheet';
import type { SWERROR1, SWERROR2 } from '@siov/datasheet';
import type { Device } from '@siov/device';
import type { GuestPasidTable } from './guest-pasids.ts';
import type { WorkQueue } from './work-queue.ts';

/** SWERROR0 to SWERROR2 (DSA spec 3.0 §9.2.15). */
export interface SoftwareError {
  readonly first: typeof SWERROR0.reset;
  readonly second: typeof SWERROR1.reset;
  readonly third: typeof SWERROR2.reset;
}

export interface ErrorSource {
  readonly queue: WorkQueue;
  readonly device: Device;
  readonly pasids: GuestPasidTable | null;
}

/**
 * As the guest's SWERROR has it: its queue is 0, its PASID its own, 0 where that is the device's. Null: the error is not this
 * guest's. Which guest an error belongs to that the function had no room for (overflow) cannot be known.
 */
export function guestError({ first, second, third }: SoftwareError, { queue, device, pasids }: ErrorSource): SoftwareError | null {
  const { wqIndexValid, wqIndex, descriptorValid, pasid } = SWERROR0.decode(first);
  if (wqIndexValid === 0 || wqIndex !== queue.index) return null;
  const gpasid = device.iommu.valid && device.iommu.pasid === pasid ? 0 : pasids?.guestPasid(pasid);
  if (queue.shared && (descriptorValid === 0 || gpasid === undefined)) return null;
  const own = SWERROR0.overflow.set(SWERROR0.wqIndex.set(first, 0), 0);
  return { first: SWERROR0.pasid.set(own, gpasid ?? 0), second, third };
}
