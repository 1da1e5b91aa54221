// BAR2 of a virtual device: the guest's two MSI-X portals are IMS portals of the function, mapped, or reached by a trap.
import type { StatePort, Steps, Trace } from '@siov/base';
import { DESCRIPTOR_SIZE, PORTAL_SIZE, portalOf, portalOffset } from '@siov/datasheet';
import type { SubmitPort } from '@siov/device';
import type { MappedWindow, PciRegion } from '@siov/vfio';
import type { VirtualQueue } from './virtual-queue.ts';

export interface VirtualPortalParts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** Of the virtual device. */
  readonly name: string;
  /** Bytes of BAR2. */
  readonly size: number;
  readonly queue: VirtualQueue;
  /** The function's BAR2. */
  readonly portals: SubmitPort;
  /** The guest has its device and its queue enabled. */
  enabled(): boolean;
}

/** The guest's pages: unlimited and limited MSI-X. The other two would be its own IMS portals, of which it has none. */
const GUEST_PAGES = [0, PORTAL_SIZE];

export class VirtualPortals {
  readonly region: PciRegion;
  readonly #parts: VirtualPortalParts;
  /** Mappings of users that are gone reach nothing; `next` numbers them. */
  readonly #state: { open: readonly number[]; next: number };

  constructor(parts: VirtualPortalParts) {
    this.#parts = parts;
    this.#state = parts.state.record(`${parts.name}/portals`, { open: [] as readonly number[], next: 0 });
    const { trace } = parts;
    this.region = {
      size: parts.size,
      *read(_offset, into) {
        into.fill(0);
      },
      write: (offset, from) => trace.cross('idxd', 'portal_write', { offset, size: from.length }, this.#submit(offset, from)),
      // One page at most in a mapping (vdcm's mmap).
      mappable: { areas: GUEST_PAGES.map((offset) => ({ offset, size: PORTAL_SIZE })), map: (offset) => this.#map(offset) },
    };
  }

  /** Stores through the mappings there are reach nothing from now on: their user is gone. */
  unmapAll(): void {
    this.#state.open = [];
  }

  /** No crossing of a store: it traps nowhere. */
  #map(start: number): MappedWindow {
    const { portals } = this.#parts;
    const mapping = this.#state.next;
    Object.assign(this.#state, { next: mapping + 1, open: [...this.#state.open, mapping] });
    const target = (offset: number) => (this.#state.open.includes(mapping) && this.#reachable(offset) ? this.#hostOffset(start + offset) : undefined);
    return {
      *submit(offset, descriptor) {
        const at = target(offset);
        if (at !== undefined) yield* portals.submit(at, descriptor);
      },
      *enqueue(offset, descriptor) {
        const at = target(offset);
        return at !== undefined && (yield* portals.enqueue(at, descriptor));
      },
      unmap: () => {
        this.#state.open = this.#state.open.filter((each) => each !== mapping);
      },
    };
  }

  /**
   * A dedicated queue that is disabled takes nothing. A shared one is still enabled for others: so the host takes the page
   * away while the guest has its queue disabled (unmap_mapping_range()), and stores reach nothing.
   */
  #reachable(offset: number): boolean {
    const { queue, enabled } = this.#parts;
    return offset >= 0 && offset < PORTAL_SIZE && (!queue.physical.shared || enabled());
  }

  /** The IMS portal of the function behind a guest's portal; undefined: there is none. Of a shared queue, guests are limited. */
  #hostOffset(offset: number): number | undefined {
    const portal = portalOf(offset);
    if (portal === undefined || portal.wq !== 0 || portal.ims) return undefined;
    const { shared, index } = this.#parts.queue.physical;
    return portalOffset({ wq: index, limited: portal.limited || shared, ims: true }) + (offset % PORTAL_SIZE);
  }

  /** Whole descriptors; whatever else is written is dropped, as in hardware. */
  *#submit(offset: number, from: Uint8Array): Steps<void> {
    const at = this.#hostOffset(offset);
    if (at !== undefined && from.length === DESCRIPTOR_SIZE && this.#reachable(offset % PORTAL_SIZE)) yield* this.#parts.portals.submit(at, from);
  }
}
