// Which id each entry gets, from the moment it is decided until the entry is certain not to hold it: held all the time,
// so that IOMMU management cannot give the PASID to somebody else meanwhile.
import { fail, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { ImsEntry } from '@siov/datasheet';
import type { PasidWitness } from '@siov/device';
import type { ImsControl, ImsDesc } from './storage.ts';

/** Where an entry's id is from: the device's record in IOMMU management, or the cookie of the allocation. */
export type IdSource = 'device' | 'cookie';

interface Bound {
  /** Without the mask bit. */
  readonly control: ImsControl;
  readonly witness: PasidWitness | null;
}

export class EntryIds {
  readonly #source: IdSource;
  readonly #bound: Map<number, Bound>;

  constructor(state: StatePort, name: string, source: IdSource) {
    this.#source = source;
    this.#bound = state.map(`ims/${name}/ids`);
  }

  /** Decides the id of an entry. `EINVAL` when the PASID is not attached any more. */
  bind(desc: ImsDesc): Result<void, 'EINVAL'> {
    if (this.#bound.has(desc.hwirq)) throw new ModelError(`entry ${desc.hwirq} has its id already`);
    const witness = this.#witness(desc);
    if (!witness.ok) return witness;
    witness.value?.hold();
    this.#bound.set(desc.hwirq, { control: controlFor(witness.value), witness: witness.value });
    return ok();
  }

  /** Whether what was bound still holds. */
  check({ device, hwirq }: ImsDesc): Result<void, 'EINVAL'> {
    const witness = this.#bound.get(hwirq)?.witness ?? null;
    return witness === null || witness.valid ? ok() : noLonger(device.name, witness);
  }

  /** The entry does not hold the id, and will not. Again is harmless. */
  release({ hwirq }: ImsDesc): void {
    const bound = this.#bound.get(hwirq);
    this.#bound.delete(hwirq);
    bound?.witness?.release();
  }

  /** Control word of the entry while it is unmasked; masked and without id while none is bound. */
  control(slot: number): ImsControl {
    return this.#bound.get(slot)?.control ?? ImsEntry.Control.reset;
  }

  #witness({ device, cookie }: ImsDesc): Result<PasidWitness | null, 'EINVAL'> {
    if (cookie === null) return ok(null);
    const witness = this.#source === 'device' ? device.iommu.witness : cookie;
    if (witness === null) return noPasid(device.name);
    return witness.valid ? ok(witness) : noLonger(device.name, witness);
  }
}

function controlFor(witness: PasidWitness | null): ImsControl {
  return ImsEntry.Control.of(witness === null ? { mask: 0 } : { mask: 0, pasidEnable: 1, pasid: witness.pasid });
}

export function noPasid(device: string): Result<never, 'EINVAL'> {
  return fail('EINVAL', `${device} has no PASID: attach it to an IOMMU domain before its interrupts are set up`);
}

export function noLonger(device: string, witness: PasidWitness): Result<never, 'EINVAL'> {
  return fail('EINVAL', `${device}: PASID ${witness.pasid} was detached since its witness was issued`);
}

/** An entry of one device never holds the id of another. */
export function notTheirs(device: string, witness: PasidWitness): Result<never, 'EINVAL'> {
  return fail('EINVAL', `${device}: the witness of PASID ${witness.pasid} was issued for ${witness.device.name}`);
}
