// BAR2: four pages of 4 KiB for each work queue (DSA spec 3.0 §3.3). The page tells whether the submission counts
// against the threshold, and in which table the descriptor's interrupt handle is looked up.

/** Bytes of BAR2 a work queue takes. */
export const PORTALS_PER_WQ_SIZE = 0x4000;
export const PORTAL_SIZE = 0x1000;
/** A submission writes one descriptor, at any multiple of its size within the page. */
export const PORTAL_SLOT_SIZE = 64;

export interface Portal {
  readonly wq: number;
  /** Submissions to a shared queue stop at WQCFG.threshold instead of WQCFG.size. */
  readonly limited: boolean;
  /** Interrupt handles index the interrupt message store instead of the MSI-X table. */
  readonly ims: boolean;
}

/** The portal at byte `offset` of BAR2, or undefined where no submission can start: not 64-byte aligned, or negative. */
export function portalOf(offset: number): Portal | undefined {
  if (offset < 0 || offset % PORTAL_SLOT_SIZE !== 0) return undefined;
  const page = (offset >>> 12) & 3;
  return { wq: Math.floor(offset / PORTALS_PER_WQ_SIZE), limited: (page & 1) !== 0, ims: (page & 2) !== 0 };
}

/** Where in BAR2 the page of `portal` starts, in bytes. */
export function portalOffset({ wq, limited, ims }: Portal): number {
  return wq * PORTALS_PER_WQ_SIZE + (ims ? 2 * PORTAL_SIZE : 0) + (limited ? PORTAL_SIZE : 0);
}
