// Proof that a device may use a PASID. What needs one asks for it as an argument, so that setting up an interrupt before
// its id is known does not compile (R15); only IOMMU management can make one (R7).
import { ModelError } from '@siov/base';
import type { Device } from './device.ts';

/** What stands behind a witness: kept by IOMMU management. */
export interface PasidBacking {
  /** Host PASID, 20 bits. */
  readonly pasid: number;
  /** Whether the device is still attached with it. */
  valid(): boolean;
  /** One more entry of hardware holds the PASID, one fewer: while any does it cannot be detached or freed. */
  hold(): void;
  release(): void;
}

/** Lets only {@link issueWitness} construct. */
const issuer = Symbol('issuer');

export class PasidWitness {
  /** Whose PASID it is: it proves nothing for another device. */
  readonly device: Device;
  readonly #backing: PasidBacking;

  constructor(key: typeof issuer, device: Device, backing: PasidBacking) {
    if (key !== issuer) throw new ModelError('only IOMMU management issues PASID witnesses');
    this.device = device;
    this.#backing = backing;
  }

  get pasid(): number {
    return this.#backing.pasid;
  }

  /** False from the detachment on, also when the device is attached again: that gives another witness. */
  get valid(): boolean {
    return this.#backing.valid();
  }

  /** For whoever writes the PASID into hardware, before it does: the PASID stays until {@link release}. */
  hold(): void {
    this.#backing.hold();
  }

  release(): void {
    this.#backing.release();
  }
}

/** For the record writer of this package alone: it is not exported from the package. */
export function issueWitness(device: Device, backing: PasidBacking): PasidWitness {
  return new PasidWitness(issuer, device, backing);
}
