// Time for traces: real nanoseconds, for machines that run against a real guest and for those that run alone.

/** Nanoseconds from an arbitrary start. */
export function realNow(): number {
  return Math.round(performance.now() * 1e6);
}
