// Every way into the device is a crossing into layer `hw`, named by what is accessed.
import { noTrace } from '@siov/base';
import type { Steps, Trace, TraceValues } from '@siov/base';

/** As {@link Trace.cross}; `values` is asked only where somebody records. */
export function crossing<T>(trace: Trace, operation: string, values: () => TraceValues, body: Steps<T>): Steps<T> {
  return trace === noTrace ? body : trace.cross('hw', operation, values(), body);
}
