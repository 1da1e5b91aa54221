// struct device: a name, a parent, what subsystems hang on it, and the record the IOMMU keeps of it.
import { ModelError } from '@siov/base';
import type { StatePort } from '@siov/base';
import { makeIommuRecord } from './iommu-record.ts';
import type { IommuRecord, IommuRecordWriter } from './iommu-record.ts';
import { Submitters } from './submitters.ts';

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
  /** What IOMMU management knows of the device (R7). */
  readonly iommu: IommuRecord;
  /** Who can submit work to it; a mediated device's portals are its parent's. */
  readonly submitters: Submitters;
  readonly #writer: IommuRecordWriter;
  #writerTaken = false;

  constructor(name: string, options: DeviceOptions) {
    this.name = name;
    this.parent = options.parent ?? null;
    this.#requesterId = options.requesterId;
    this.#attached = options.state.map(`device/${name}/attached`);
    const { record, writer } = makeIommuRecord(options.state, this);
    this.iommu = record;
    this.#writer = writer;
    this.submitters = this.isMediated && options.parent !== undefined ? options.parent.submitters : new Submitters(options.state, name);
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
    return this.#writer;
  }
}
