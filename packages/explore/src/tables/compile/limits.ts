// What the inner loop and its caller agree on.

/** States that are expanded together at most. */
export const BATCH = 256;

/** Numbers that the inner loop leaves behind, by their place in `out`. */
export const OUT = { resting: 0, asked: 1, transitions: 2, threwAt: 3, threwSlot: 4, full: 5, touch: 6, missing: 7, again: 8, left: 9 } as const;
