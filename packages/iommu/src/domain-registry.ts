// The address spaces the tables point to: each has a domain id and the address of its page tables while an entry names it.
import { fail, IdAllocator, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import type { PagingDomain } from './paging-domain.ts';
import type { TableMemory } from './table-memory.ts';

interface Registered {
  readonly address: number;
  /** DID: tags what the hardware caches, 16 bits. */
  readonly domainId: number;
  /** Entries that name it. */
  readonly users: number;
}

/** DID 0 is the hardware's (drivers/iommu/intel/iommu.c, iommu_init_domains()). */
const FIRST_DOMAIN_ID = 1;

export class DomainRegistry {
  readonly #memory: TableMemory;
  readonly #ids: IdAllocator;
  readonly #byDomain: Map<PagingDomain, Registered>;
  readonly #byAddress: Map<number, PagingDomain>;

  constructor(state: StatePort, name: string, memory: TableMemory) {
    this.#memory = memory;
    this.#ids = new IdAllocator(state, `${name}/domain-ids`, { first: FIRST_DOMAIN_ID, end: 1 << 16 });
    this.#byDomain = state.map(`${name}/domains`);
    this.#byAddress = state.map(`${name}/domains-by-address`);
  }

  /** domain_attach_iommu(): one entry more. `ENOSPC`: no domain id is left; `ENOMEM`. */
  take(domain: PagingDomain): Result<{ address: number; domainId: number }, 'ENOSPC' | 'ENOMEM'> {
    const found = this.#byDomain.get(domain);
    if (found !== undefined) {
      this.#byDomain.set(domain, { ...found, users: found.users + 1 });
      return ok(found);
    }
    const id = this.#ids.alloc();
    if (!id.ok) return fail('ENOSPC', `${domain.name}: no domain id is left`);
    const page = this.#memory.alloc(0);
    if (!page.ok) {
      this.#ids.free(id.value);
      return page;
    }
    const made = { address: page.value, domainId: id.value, users: 1 };
    this.#byDomain.set(domain, made);
    this.#byAddress.set(made.address, domain);
    return ok(made);
  }

  /** One entry fewer; with the last its id and address are free. */
  release(domain: PagingDomain): void {
    const found = this.#byDomain.get(domain);
    if (found === undefined) throw new ModelError(`${domain.name} is released but no entry names it`);
    if (found.users > 1) {
      this.#byDomain.set(domain, { ...found, users: found.users - 1 });
      return;
    }
    this.#byDomain.delete(domain);
    this.#byAddress.delete(found.address);
    this.#memory.free(found.address);
    this.#ids.free(found.domainId);
  }

  /** Whose page tables are at `address`. */
  at(address: number): PagingDomain {
    const domain = this.#byAddress.get(address);
    if (domain === undefined) throw new ModelError(`no page tables are at 0x${address.toString(16)}`);
    return domain;
  }

  /** DID of a domain that an entry names. */
  domainId(domain: PagingDomain): number {
    const found = this.#byDomain.get(domain);
    if (found === undefined) throw new ModelError(`${domain.name} has no domain id: no entry names it`);
    return found.domainId;
  }
}
