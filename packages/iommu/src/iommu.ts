// IOMMU management: which address space each device and each PASID reaches, and the record of it on the device (R7).
import { fail, ok } from '@siov/base';
import type { Result, StatePort, Steps, Trace } from '@siov/base';
import { deviceKey } from '@siov/device';
import type { Device, IommuRecordWriter } from '@siov/device';
import type { PagingDomain } from './paging-domain.ts';
import { PasidAllocator } from './pasid.ts';

export interface IommuOptions {
  /** Scalable mode: address spaces by (requester, PASID). Without it there is one for each requester (R4). */
  readonly scalable?: boolean;
  readonly pasidWidth?: number;
}

/** A DMA request that was blocked. Reasons: VT-d scalable-mode fault codes. */
export interface DmaFault {
  readonly requesterId: number;
  readonly pasid: number | null;
  readonly address: bigint;
  readonly kind: 'read' | 'write';
  readonly reason: 'no-address-space' | 'not-mapped';
}

/** How a device's memory accesses enter the IOMMU. `pasid` null: a request without PASID. */
export interface DmaAccess {
  read(pasid: number | null, address: bigint, into: Uint8Array): Steps<Result<void, 'EFAULT'>>;
  write(pasid: number | null, address: bigint, from: Uint8Array): Steps<Result<void, 'EFAULT'>>;
}

const WRITER = deviceKey<IommuRecordWriter>('iommu.record');

export class Iommu {
  readonly scalable: boolean;
  readonly #trace: Trace;
  readonly #pasids: PasidAllocator;
  readonly #spaces: Map<string, PagingDomain>;
  readonly #log: { faults: number; last: DmaFault | null };

  constructor(ports: { state: StatePort; trace: Trace }, options: IommuOptions = {}) {
    this.scalable = options.scalable ?? true;
    this.#trace = ports.trace;
    this.#pasids = new PasidAllocator(ports.state, options.pasidWidth);
    this.#spaces = ports.state.map('iommu/address-spaces');
    this.#log = ports.state.record('iommu/faults', { faults: 0, last: null as DmaFault | null });
  }

  get counters(): { pasids: number; attachments: number; faults: number } {
    return { pasids: this.#pasids.used, attachments: this.#spaces.size, faults: this.#log.faults };
  }

  get lastFault(): DmaFault | null {
    return this.#log.last;
  }

  /** iommu_probe_device(): takes over the device's record. Once for each device. */
  probeDevice(device: Device): void {
    device.set(WRITER, device.takeIommuRecord());
  }

  /**
   * iommu_attach_device(): requests without PASID reach `domain`. `EBUSY` when attached; `ENODEV` when not probed, or
   * mediated: its requests carry its parent's id, whose address space is not its own to give away.
   */
  attachDevice(domain: PagingDomain, device: Device): Result<void, 'EBUSY' | 'ENODEV'> {
    if (device.get(WRITER) === undefined) return notProbed(device);
    if (device.isMediated) return fail('ENODEV', `${device.name} makes no requests without PASID of its own`);
    const key = spaceKey(device.requesterId, null);
    if (this.#spaces.has(key)) return fail('EBUSY', `${device.name} is attached to ${this.#spaces.get(key)?.name}`);
    this.#spaces.set(key, domain);
    return ok();
  }

  detachDevice(device: Device): void {
    if (device.isMediated) return;
    this.#spaces.delete(spaceKey(device.requesterId, null));
  }

  /**
   * iommu_attach_device_pasid() with a PASID of the IOMMU's choosing, which it records on the device: from now on it
   * is visible to whoever asks the device (R7). `EBUSY`: has one; `ENODEV`: not probed; `EOPNOTSUPP`: the IOMMU is not
   * in scalable mode (R4); `ENOSPC`: no PASID is left.
   */
  attachDevicePasid(domain: PagingDomain, device: Device): Result<number, 'EBUSY' | 'ENODEV' | 'EOPNOTSUPP' | 'ENOSPC'> {
    return this.#trace.call('iommu', 'attach_device_pasid', { device: device.name, domain: domain.name }, () => {
      const writer = device.get(WRITER);
      if (writer === undefined) return notProbed(device);
      if (!this.scalable) return fail('EOPNOTSUPP', `${device.name}: the IOMMU is not in scalable mode and has no PASIDs`);
      if (device.iommu.valid) return fail('EBUSY', `${device.name} is attached with PASID ${device.iommu.pasid}`);
      const pasid = this.#pasids.alloc();
      if (!pasid.ok) return pasid;
      this.#spaces.set(spaceKey(device.requesterId, pasid.value), domain);
      writer.attach(pasid.value);
      return pasid;
    });
  }

  /** iommu_detach_device_pasid(): the record becomes invalid, requests with the PASID are blocked. Again is harmless. */
  detachDevicePasid(device: Device): void {
    this.#trace.call('iommu', 'detach_device_pasid', { device: device.name }, () => {
      const { pasid, valid } = device.iommu;
      if (!valid) return;
      device.get(WRITER)?.detach();
      this.#spaces.delete(spaceKey(device.requesterId, pasid));
      this.#pasids.free(pasid);
    });
  }

  /** DMA remapping for requests of one requester id. A request that crosses into unmapped addresses moves nothing. */
  dma(requesterId: number): DmaAccess {
    const access = (kind: 'read' | 'write') => (pasid: number | null, address: bigint, bytes: Uint8Array) =>
      this.#trace.cross('iommu', `dma_${kind}`, { pasid, address, size: bytes.length }, this.#access(requesterId, kind, pasid, address, bytes));
    return { read: access('read'), write: access('write') };
  }

  *#access(requesterId: number, kind: 'read' | 'write', pasid: number | null, address: bigint, bytes: Uint8Array): Steps<Result<void, 'EFAULT'>> {
    const fault = (reason: DmaFault['reason'], at: bigint) => this.#fault({ requesterId, pasid, address: at, kind, reason });
    const domain = this.#spaces.get(spaceKey(requesterId, pasid));
    if (domain === undefined) return fault('no-address-space', address);
    const pieces: { memory: NonNullable<ReturnType<PagingDomain['translate']>>['memory']; offset: number; part: Uint8Array }[] = [];
    for (let done = 0; done < bytes.length; ) {
      const found = domain.translate(address + BigInt(done), kind);
      if (found === null) return fault('not-mapped', address + BigInt(done));
      const size = Math.min(found.left, bytes.length - done);
      pieces.push({ memory: found.memory, offset: found.offset, part: bytes.subarray(done, done + size) });
      done += size;
    }
    for (const { memory, offset, part } of pieces) {
      if (kind === 'read') memory.read(offset, part);
      else memory.write(offset, part);
    }
    return ok();
  }

  #fault(fault: DmaFault): Result<never, 'EFAULT'> {
    this.#log.faults += 1;
    this.#log.last = fault;
    const { kind, address, pasid, requesterId, reason } = fault;
    const who = `requester 0x${requesterId.toString(16)}${pasid === null ? '' : `, PASID ${pasid}`}`;
    return fail('EFAULT', `DMA ${kind} at 0x${address.toString(16)} by ${who}: ${reason}`);
  }
}

function spaceKey(requesterId: number, pasid: number | null): string {
  return `${requesterId.toString(16)}/${pasid ?? 'none'}`;
}

function notProbed(device: Device): Result<never, 'ENODEV'> {
  return fail('ENODEV', `${device.name} is not behind this IOMMU`);
}
