// What IOMMU management stores of a device, and the one hand that writes it (R7).
import type { StatePort } from '@siov/base';
import type { Device } from './device.ts';
import { issueWitness } from './pasid-witness.ts';
import type { PasidBacking, PasidWitness } from './pasid-witness.ts';

/** The PASID of the domain the device is attached to. Drivers and irq chips read it; only {@link IommuRecordWriter} changes it. */
export interface IommuRecord {
  /** Default PASID, 20 bits; meaningful while `valid`. */
  readonly pasid: number;
  readonly valid: boolean;
  /** Counts attachments and detachments, so that a holder of an old PASID can see that it is old. */
  readonly generation: number;
  /** Proof of the default PASID; null while there is none. */
  readonly witness: PasidWitness | null;
}

/** Given once for each device, to the IOMMU driver that takes it over. */
export interface IommuRecordWriter {
  /** The device has a default PASID from here on. */
  attach(backing: PasidBacking): PasidWitness;
  detach(): void;
  /** Proof of a PASID that the device may use beside its default one (SVA, a guest's PASID). */
  witness(backing: PasidBacking): PasidWitness;
}

export function makeIommuRecord(state: StatePort, device: Device): { record: IommuRecord; writer: IommuRecordWriter } {
  const record = state.record(`device/${device.name}/iommu`, { pasid: 0, valid: false, generation: 0, witness: null as PasidWitness | null });
  const writer: IommuRecordWriter = {
    attach(backing) {
      const witness = issueWitness(device, backing);
      Object.assign(record, { pasid: backing.pasid, valid: true, generation: record.generation + 1, witness });
      return witness;
    },
    detach() {
      Object.assign(record, { pasid: 0, valid: false, generation: record.generation + 1, witness: null });
    },
    witness: (backing) => issueWitness(device, backing),
  };
  return { record, writer };
}
