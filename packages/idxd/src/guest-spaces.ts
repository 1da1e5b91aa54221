// The address spaces behind guests' PASIDs on one function: devices of one virtual machine that call a PASID by one name share
// the space, as they share the host's PASID and the table entry of the function.
import { fail, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { PagingDomain } from '@siov/iommu';
import type { PasidSet } from '@siov/iommu';
import type { DmaMapping } from '@siov/vfio';

/** A shadow of the guest's address space. Each device maps it for itself: what several have mapped is there once. */
export class GuestSpace {
  readonly domain: PagingDomain;
  /** By address and size: devices that have it mapped. */
  readonly #mapped: Map<string, number>;

  constructor(state: StatePort, name: string) {
    this.domain = new PagingDomain(state, name);
    this.#mapped = state.map(`${name}/mapped`);
  }

  /** Errors as PagingDomain.map(); the same range twice by one device is its own affair (`EEXIST` for {@link GuestPasidTable}). */
  map(mapping: DmaMapping): Result<void, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'> {
    const key = keyOf(mapping.iova, mapping.size);
    const there = this.#mapped.get(key) ?? 0;
    const mapped = there > 0 ? ok() : this.domain.map(mapping);
    if (mapped.ok) this.#mapped.set(key, there + 1);
    return mapped;
  }

  unmap(iova: bigint, size: bigint): Result<void, 'ENOENT'> {
    const key = keyOf(iova, size);
    const there = this.#mapped.get(key) ?? 0;
    if (there > 1) this.#mapped.set(key, there - 1);
    else {
      const unmapped = this.domain.unmap(iova, size);
      if (!unmapped.ok) return unmapped;
      this.#mapped.delete(key);
    }
    return ok();
  }
}

function keyOf(iova: bigint, size: bigint): string {
  return `${iova.toString(16)}+${size.toString(16)}`;
}

interface Shared {
  readonly space: GuestSpace;
  readonly devices: number;
}

/** Of one function. */
export class GuestSpaces {
  readonly #state: StatePort;
  readonly #name: string;
  readonly #spaces: Map<PasidSet, ReadonlyMap<number, Shared>>;

  constructor(state: StatePort, name: string) {
    this.#state = state;
    this.#name = name;
    this.#spaces = state.map(`${name}/guest-spaces`);
  }

  /** The space behind `gpasid` of the machine whose PASIDs are in `set`; a new one for the first of its devices. */
  take(set: PasidSet, gpasid: number): GuestSpace {
    const there = this.#of(set).get(gpasid);
    const space = there?.space ?? new GuestSpace(this.#state, `${this.#name}/pasid${gpasid}`);
    this.#put(set, gpasid, { space, devices: (there?.devices ?? 0) + 1 });
    return space;
  }

  /** One device fewer; with the last one it is gone. */
  give(set: PasidSet, gpasid: number): void {
    const there = this.#of(set).get(gpasid);
    this.#put(set, gpasid, there === undefined || there.devices === 1 ? null : { ...there, devices: there.devices - 1 });
  }

  #of(set: PasidSet): ReadonlyMap<number, Shared> {
    return this.#spaces.get(set) ?? new Map();
  }

  #put(set: PasidSet, gpasid: number, shared: Shared | null): void {
    const all = new Map(this.#of(set));
    if (shared === null) all.delete(gpasid);
    else all.set(gpasid, shared);
    if (all.size === 0) this.#spaces.delete(set);
    else this.#spaces.set(set, all);
  }
}

/** What one device has mapped of a space, so that its leaving takes away what it brought and no more. */
export class DeviceMappings {
  readonly #space: GuestSpace;
  readonly #own: Map<string, { readonly iova: bigint; readonly size: bigint }>;

  constructor(state: StatePort, name: string, space: GuestSpace) {
    this.#space = space;
    this.#own = state.map(`${name}/own-mappings`);
  }

  get domain(): PagingDomain {
    return this.#space.domain;
  }

  map(mapping: DmaMapping): Result<void, 'EINVAL' | 'EEXIST' | 'ENOSPC' | 'ENOMEM'> {
    const { iova, size } = mapping;
    const key = keyOf(iova, size);
    if (this.#own.has(key)) return fail('EEXIST', `${this.domain.name}: 0x${key} is mapped`);
    const mapped = this.#space.map(mapping);
    if (mapped.ok) this.#own.set(key, { iova, size });
    return mapped;
  }

  unmap(iova: bigint, size: bigint): Result<void, 'ENOENT'> {
    const key = keyOf(iova, size);
    if (!this.#own.has(key)) return fail('ENOENT', `${this.domain.name}: 0x${key} is no mapping`);
    const unmapped = this.#space.unmap(iova, size);
    if (unmapped.ok) this.#own.delete(key);
    return unmapped;
  }

  /** The device leaves the space. */
  unmapAll(): void {
    for (const { iova, size } of this.#own.values()) this.#space.unmap(iova, size);
    this.#own.clear();
  }
}
