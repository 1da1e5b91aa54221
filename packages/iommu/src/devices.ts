// The devices behind the IOMMU, and what functions there are: a mediated device shares the entries of its function.
import { fail, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { deviceKey } from '@siov/device';
import type { Device, IommuRecordWriter } from '@siov/device';
import type { Attachment } from './attachments.ts';
import type { RemappingTables } from './remapping-tables.ts';

export interface ProbeOptions {
  /** Bits of PASID the function sends (PASID capability); the IOMMU's width unless said. */
  readonly pasidWidth?: number;
  /** The function can ask for pages (ATS and PRI capabilities). */
  readonly pageRequests?: boolean;
}

export interface ProbedDevice {
  readonly device: Device;
  readonly writer: IommuRecordWriter;
  /** Highest PASID it may get. */
  readonly maxPasid: number;
  readonly pageRequests: boolean;
  /** By PASID. */
  readonly attachments: Map<number, Attachment>;
}

/** Outlives the probing, for a device has one writer for its whole life. Known to this file alone (R7). */
const WRITER = deviceKey<IommuRecordWriter>('iommu.record');

export class Devices {
  readonly #state: StatePort;
  readonly #name: string;
  readonly #tables: RemappingTables;
  readonly #widest: number;
  readonly #probed: Map<Device, ProbedDevice>;
  /** Requester id -> probed devices whose requests carry it. */
  readonly #requesters: Map<number, number>;

  constructor(state: StatePort, name: string, tables: RemappingTables, pasidWidth: number) {
    this.#state = state;
    this.#name = name;
    this.#tables = tables;
    this.#widest = pasidWidth;
    this.#probed = state.map(`${name}/devices`);
    this.#requesters = state.map(`${name}/requesters`);
  }

  get(device: Device): ProbedDevice | undefined {
    return this.#probed.get(device);
  }

  all(): ProbedDevice[] {
    return [...this.#probed.values()];
  }

  /** Probed devices whose requests carry `requesterId`. */
  of(requesterId: number): ProbedDevice[] {
    return this.all().filter(({ device }) => device.requesterId === requesterId);
  }

  probe(device: Device, options: ProbeOptions): Result<void, 'ENOMEM'> {
    if (this.#probed.has(device)) throw new ModelError(`device ${device.name} is behind this IOMMU already`);
    if (!this.#state.grant('device_domain_info')) return fail('ENOMEM', `${device.name}: no memory for what the IOMMU keeps of it`);
    const { requesterId } = device;
    const users = this.#requesters.get(requesterId) ?? 0;
    if (users === 0) {
      const added = this.#tables.addRequester(requesterId);
      if (!added.ok) return added;
    }
    this.#requesters.set(requesterId, users + 1);
    const writer = device.get(WRITER) ?? device.takeIommuRecord();
    device.set(WRITER, writer);
    const attachments = this.#state.map<number, Attachment>(`${this.#name}/device/${device.name}`);
    const maxPasid = 2 ** Math.min(options.pasidWidth ?? this.#widest, this.#widest) - 1;
    this.#probed.set(device, { device, writer, maxPasid, pageRequests: options.pageRequests ?? false, attachments });
    return ok();
  }

  release(device: Device): void {
    const { requesterId } = device;
    const users = this.#requesters.get(requesterId) ?? 0;
    this.#probed.delete(device);
    if (users > 1) this.#requesters.set(requesterId, users - 1);
    else {
      this.#requesters.delete(requesterId);
      this.#tables.removeRequester(requesterId);
    }
  }
}
