// Which device reaches which address space with which PASID: the table entry, the domain it names, and the witness of it,
// made and unmade together.
import { fail, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import type { Device, PasidBacking, PasidWitness } from '@siov/device';
import { AddressSpace } from './address-space.ts';
import type { ProbedDevice } from './devices.ts';
import type { DomainRegistry } from './domain-registry.ts';
import type { PagingDomain } from './paging-domain.ts';
import type { PasidAllocator } from './pasid.ts';
import { NO_PASID } from './remapping-tables.ts';
import type { RemappingTables } from './remapping-tables.ts';

/** `default`: chosen by the IOMMU and in the device's record; `pasid`: brought by the caller; `sva`: of a bound mm. */
export type AttachmentKind = 'default' | 'pasid' | 'sva';

export interface Attachment {
  readonly device: Device;
  readonly pasid: number;
  readonly kind: AttachmentKind;
  readonly witness: PasidWitness;
  /** `holds`: entries of hardware that carry the PASID for this device; `binds`: of the mm, for SVA. */
  readonly state: { domain: PagingDomain; live: boolean; holds: number; binds: number };
}

export type AttachErrno = 'EBUSY' | 'ENOSPC' | 'ENOMEM';

export class Attachments {
  readonly #state: StatePort;
  readonly #name: string;
  readonly #tables: RemappingTables;
  readonly #domains: DomainRegistry;
  readonly #pasids: PasidAllocator;
  /** Requester id -> what its requests without PASID reach. */
  readonly #whole: Map<number, PagingDomain>;
  /** (requester, PASID) -> what the entry names, and how many mediated devices of the function share it. */
  readonly #entries: Map<number, { readonly domain: PagingDomain; readonly devices: number }>;

  constructor(state: StatePort, name: string, parts: { tables: RemappingTables; domains: DomainRegistry; pasids: PasidAllocator }) {
    this.#state = state;
    this.#name = name;
    this.#tables = parts.tables;
    this.#domains = parts.domains;
    this.#pasids = parts.pasids;
    this.#whole = state.map(`${name}/whole-devices`);
    this.#entries = state.map(`${name}/entries`);
  }

  /** Table entries in use. */
  get used(): number {
    return this.#whole.size + this.#entries.size;
  }

  whole(requesterId: number): PagingDomain | undefined {
    return this.#whole.get(requesterId);
  }

  attachWhole(requesterId: number, domain: PagingDomain): Result<void, 'ENOSPC' | 'ENOMEM'> {
    const written = this.#write(requesterId, NO_PASID, domain);
    if (written.ok) this.#whole.set(requesterId, domain);
    return written;
  }

  detachWhole(requesterId: number): void {
    const domain = this.#whole.get(requesterId);
    if (domain === undefined) return;
    this.#whole.delete(requesterId);
    this.#tables.clearEntry(requesterId, NO_PASID);
    this.#domains.release(domain);
  }

  /**
   * `ENOMEM`; `EBUSY`: the entry names another domain. Devices of one function share it for the same one.
   */
  attach(probed: ProbedDevice, pasid: number, domain: PagingDomain, kind: AttachmentKind): Result<Attachment, AttachErrno> {
    const { device } = probed;
    const key = entryKey(device.requesterId, pasid);
    const there = this.#entries.get(key);
    if (there !== undefined && (there.domain !== domain || probed.attachments.has(pasid))) {
      return fail('EBUSY', `${device.name}: requests of 0x${device.requesterId.toString(16)} with PASID ${pasid} reach an address space already`);
    }
    if (!this.#state.grant('dev_pasid_info')) return fail('ENOMEM', `${device.name}: no memory for its attachment with PASID ${pasid}`);
    if (there === undefined) {
      const written = this.#write(device.requesterId, pasid, domain);
      if (!written.ok) return written;
    }
    this.#entries.set(key, { domain, devices: (there?.devices ?? 0) + 1 });
    this.#pasids.use(pasid, 1);
    const made = this.#make(probed, pasid, domain, kind);
    probed.attachments.set(pasid, made);
    return ok(made);
  }

  /**
   * The entry names `domain` from now on; whoever holds the PASID keeps it. `ENOSPC`, `ENOMEM`: the old one stays; `EBUSY`: so it
   * does where another device of the function shares the entry.
   */
  replace(attachment: Attachment, domain: PagingDomain): Result<void, 'EBUSY' | 'ENOSPC' | 'ENOMEM'> {
    const { device, pasid } = attachment;
    const key = entryKey(device.requesterId, pasid);
    const { devices } = this.#entry(key);
    if (devices > 1) return fail('EBUSY', `${device.name}: ${devices} devices of its function share the entry of PASID ${pasid}`);
    if (!this.#state.grant('dev_pasid_info')) return fail('ENOMEM', `${device.name}: no memory for its attachment with PASID ${pasid}`);
    const before = attachment.state.domain;
    const written = this.#write(device.requesterId, pasid, domain);
    if (!written.ok) return written;
    this.#domains.release(before);
    attachment.state.domain = domain;
    this.#entries.set(key, { domain, devices });
    return ok();
  }

  /** `EBUSY` while an entry of hardware carries the PASID: taken away now, it could come back as somebody else's. */
  detach(probed: ProbedDevice, attachment: Attachment): Result<void, 'EBUSY'> {
    const { device, pasid, state, kind } = attachment;
    if (state.holds > 0) return fail('EBUSY', `${device.name}: ${state.holds} entries hold PASID ${pasid}`);
    state.live = false;
    probed.attachments.delete(pasid);
    if (kind === 'default') probed.writer.detach();
    const key = entryKey(device.requesterId, pasid);
    const there = this.#entry(key);
    if (there.devices > 1) this.#entries.set(key, { ...there, devices: there.devices - 1 });
    else {
      this.#entries.delete(key);
      this.#tables.clearEntry(device.requesterId, pasid);
      this.#domains.release(state.domain);
    }
    this.#pasids.use(pasid, -1);
    return ok();
  }

  /** The process is gone, its devices are still bound: requests are blocked, silently (intel_mm_release()). */
  block(attachment: Attachment): void {
    this.#tables.clearEntry(attachment.device.requesterId, attachment.pasid, true);
  }

  /** Of an attachment, which has one. */
  #entry(key: number): { readonly domain: PagingDomain; readonly devices: number } {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new ModelError(`${this.#name}: entry 0x${key.toString(16)} is attached but not there`);
    return entry;
  }

  #write(requesterId: number, pasid: number, domain: PagingDomain): Result<void, 'ENOSPC' | 'ENOMEM'> {
    const taken = this.#domains.take(domain);
    if (!taken.ok) return taken;
    const supervisor = domain instanceof AddressSpace && domain.supervisor;
    const written = this.#tables.setEntry(requesterId, pasid, { type: domain.type, ...taken.value, supervisor });
    if (!written.ok) this.#domains.release(domain);
    return written;
  }

  #make(probed: ProbedDevice, pasid: number, domain: PagingDomain, kind: AttachmentKind): Attachment {
    const { device, writer } = probed;
    const state = this.#state.record(`${this.#name}/attachment/${device.name}/${pasid}`, { domain, live: true, holds: 0, binds: 0 });
    const backing: PasidBacking = {
      pasid,
      valid: () => state.live,
      hold() {
        if (!state.live) throw new ModelError(`${device.name}: PASID ${pasid} is held after it was detached`);
        state.holds += 1;
      },
      release() {
        if (state.holds === 0) throw new ModelError(`${device.name}: PASID ${pasid} is released more often than held`);
        state.holds -= 1;
      },
    };
    const witness = kind === 'default' ? writer.attach(backing) : writer.witness(backing);
    return { device, pasid, kind, witness, state };
  }
}

/** 16 bits of requester, 20 of PASID. */
function entryKey(requesterId: number, pasid: number): number {
  return requesterId * 2 ** 20 + pasid;
}
