// struct device: a name, a parent, what subsystems hang on it, and the record the IOMMU keeps of it.
import { ModelError } from '@siov/base';
import type { StatePort } from '@siov/base';

/**
 * What IOMMU management stores of a device (R7): the PASID of the domain it is attached to. Drivers and irq chips read
 * it; only {@link IommuRecordWriter} changes it.
 */
export interface IommuRecord {
  /** Default PASID, 20 bits; meaningful while `valid`. */
  readonly pasid: number;
  readonly valid: boolean;
  /** Counts attachments and detachments, so that a holder of an old PASID can see that it is old. */
  readonly generation: number;
}

/** The one hand that writes a device's {@link IommuRecord}. */
export interface IommuRecordWriter {
  attach(pasid: number): void;
  detach(): void;
}

/** Names a value that a subsystem hangs on devices (`dev->msi.data`, driver data) without `Device` knowing its type. */
export interface DeviceKey<T> {
  readonly name: string;
  readonly type?: T;
}

export function deviceKey<T>(name: string): DeviceKey<T> {
  return Object.freeze({ name });
}

export interface DeviceOptions {
  readonly state: StatePort;
  readonly parent?: Device;
  /** PCI requester id (bus, device, function), 16 bits. A device without one uses its parent's. */
  readonly requesterId?: number;
}

export class Device {
  readonly name: string;
  readonly parent: Device | null;
  readonly #requesterId: number | undefined;
  readonly #attached: Map<DeviceKey<unknown>, unknown>;
  readonly #iommu: { pasid: number; valid: boolean; generation: number };
  #writerTaken = false;

  constructor(name: string, options: DeviceOptions) {
    this.name = name;
    this.parent = options.parent ?? null;
    this.#requesterId = options.requesterId;
    this.#attached = options.state.map(`device/${name}/attached`);
    this.#iommu = options.state.record(`device/${name}/iommu`, { pasid: 0, valid: false, generation: 0 });
  }

  get iommu(): IommuRecord {
    return this.#iommu;
  }

  /** Whose requester id its memory writes carry: a mediated device is seen on the bus as its physical function. */
  get requesterId(): number {
    if (this.#requesterId !== undefined) return this.#requesterId;
    if (this.parent === null) throw new ModelError(`device ${this.name} is on no bus: it has no requester id and no parent`);
    return this.parent.requesterId;
  }

  /** True for a device that reaches memory only through its parent (a mediated device). */
  get isMediated(): boolean {
    return this.#requesterId === undefined && this.parent !== null;
  }

  get<T>(key: DeviceKey<T>): T | undefined {
    return this.#attached.get(key) as T | undefined;
  }

  set<T>(key: DeviceKey<T>, value: T): void {
    this.#attached.set(key, value);
  }

  delete(key: DeviceKey<unknown>): void {
    this.#attached.delete(key);
  }

  /** For the IOMMU driver when it takes the device over. Once: a second taker would be a second writer (R7). */
  takeIommuRecord(): IommuRecordWriter {
    if (this.#writerTaken) throw new ModelError(`device ${this.name}: its IOMMU record has a writer already`);
    this.#writerTaken = true;
    const record = this.#iommu;
    return {
      attach(pasid) {
        record.pasid = pasid;
        record.valid = true;
        record.generation += 1;
      },
      detach() {
        record.valid = false;
        record.generation += 1;
      },
    };
  }
}
