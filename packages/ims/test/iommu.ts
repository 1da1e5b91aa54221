// Stands in for IOMMU management: issues witnesses and refuses to detach a PASID that an entry holds.
import { ModelError } from '@siov/base';
import type { StatePort } from '@siov/base';
import type { Device, IommuRecordWriter, PasidBacking, PasidWitness } from '@siov/device';

interface Attachment {
  readonly pasid: number;
  attached: boolean;
  holds: number;
}

export class FakeIommu {
  readonly #state: StatePort;
  readonly #device: Device;
  readonly #writer: IommuRecordWriter;
  #all: Attachment[] = [];

  constructor(state: StatePort, device: Device) {
    this.#state = state;
    this.#device = device;
    this.#writer = device.takeIommuRecord();
  }

  /** How many entries hold each PASID that is held. */
  get held(): Readonly<Record<number, number>> {
    return Object.fromEntries(this.#all.filter(({ holds }) => holds > 0).map(({ pasid, holds }) => [pasid, holds]));
  }

  /** The device's default PASID. */
  attach(pasid: number): PasidWitness {
    return this.#writer.attach(this.#backing(pasid));
  }

  /** Another PASID of the device (SVA, a guest's). */
  bind(pasid: number): PasidWitness {
    return this.#writer.witness(this.#backing(pasid));
  }

  /** False, and nothing changed, while an entry holds the default PASID. */
  detach(): boolean {
    const { pasid, valid } = this.#device.iommu;
    if (!valid || !this.unbind(pasid)) return false;
    this.#writer.detach();
    return true;
  }

  unbind(pasid: number): boolean {
    const attachment = this.#all.find((each) => each.pasid === pasid && each.attached);
    if (attachment === undefined || attachment.holds > 0) return false;
    attachment.attached = false;
    return true;
  }

  /** Gone although it is held: a device that was pulled out, say. */
  revoke(pasid: number): void {
    for (const each of this.#all) if (each.pasid === pasid) each.attached = false;
  }

  #backing(pasid: number): PasidBacking {
    const attachment = this.#state.record<Attachment>(`iommu/${this.#device.name}/${this.#all.length}`, { pasid, attached: true, holds: 0 });
    this.#all = [...this.#all, attachment];
    const hold = (change: number) => {
      attachment.holds += change;
      if (attachment.holds < 0 || (change > 0 && !attachment.attached)) throw new ModelError(`PASID ${pasid}: ${attachment.holds} holds, attached: ${attachment.attached}`);
    };
    return { pasid, valid: () => attachment.attached, hold: () => hold(1), release: () => hold(-1) };
  }
}
