// Whose PASIDs interrupts and queue get. What the virtual permission table says of an interrupt is read when the interrupt is set up: MSIXPERM is only stored when
// the guest writes it, whenever that is (R17), and nothing is written to an interrupt that is there already (R20).
import { fail, ok } from '@siov/base';
import type { EventFd, Result } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import type { IrqSet } from '@siov/vfio';
import type { GuestPasidTable } from './guest-pasids.ts';
import type { VirtualRegisters } from './virtual-registers.ts';

export interface VectorIds {
  readonly device: Device;
  readonly registers: VirtualRegisters;
  /** null: the guest has no PASIDs. */
  readonly pasids: GuestPasidTable | null;
}

/**
 * Proof of the PASID that may use `vector`, of this moment. Entry without PASID enable: the device's default one; `EINVAL`
 * while it has none. With it: what is behind the guest's; `ENXIO` when that is nothing, or 0, as in the vdcm's translation.
 */
export function vectorId({ device, registers, pasids }: VectorIds, vector: number): Result<PasidWitness, 'EINVAL' | 'ENXIO'> {
  const { pasidEnable, pasid } = registers.permission(vector);
  if (pasidEnable === 0) return defaultPasid(device);
  if (pasids === null) return fail('ENXIO', `${device.name}: vector ${vector} is for the guest's PASID ${pasid}, and the guest has none`);
  return pasid === 0 ? fail('ENXIO', `${device.name}: vector ${vector} is for the guest's PASID 0, which is none`) : pasids.resolve(pasid);
}

/** Whose PASID a dedicated queue works with: the guest's own choice, or the device's default one; null: nothing is behind it. */
export function queuePasid({ device, registers, pasids }: VectorIds): PasidWitness | null {
  const chosen = registers.queuePasid;
  if (chosen === null) return device.iommu.witness;
  const found = pasids?.resolve(chosen);
  return found?.ok === true ? found.value : null;
}

function defaultPasid({ name, iommu }: Device): Result<PasidWitness, 'EINVAL'> {
  return iommu.witness === null ? fail('EINVAL', `${name} has no PASID: attach it to an IOMMU domain before its interrupts are set up`) : ok(iommu.witness);
}

/**
 * The request with the triggers of ignored vectors gone silent: the entry is allocated and checks its PASID as any other,
 * and nothing comes of its interrupts, at once or later (DSA spec 3.0 §3.7). The Ignore bit counts as it is now.
 */
export function withoutIgnored(set: IrqSet, registers: VirtualRegisters): IrqSet {
  const { data, start } = set;
  if (data.kind !== 'eventfd') return set;
  const fds = data.fds.map((fd, each) => (fd !== null && start + each > 0 && registers.permission(start + each).ignore === 1 ? silent(fd) : fd));
  return { ...set, data: { kind: 'eventfd', fds } };
}

/** A counter of its own: whoever waits on the one behind `fd` has nothing to be posted from here. */
function silent(fd: EventFd): EventFd {
  return { name: fd.name, signal() {}, close: () => fd.close() };
}
