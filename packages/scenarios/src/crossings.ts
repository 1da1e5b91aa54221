// What a run with a real guest and a run in one process have in common: the crossings of the host, from the driver's
// first look at the device until it has disabled it. Above that a real kernel and a real QEMU stand where our guest and
// VMM stood; below, it is the same code.
import type { TraceEvent, TraceValue } from '@siov/base';

/** One crossing, without what may differ: times, and where the guest has its memory. */
export interface HostCrossing {
  readonly agent: string;
  readonly from: string;
  readonly to: string;
  readonly operation: string;
  readonly values: Readonly<Record<string, TraceValue>>;
}

/** Layers of the guest's side. vfio-user stands where vmm stands. */
const ABOVE = new Set(['guest', 'vmm', 'vfio-user']);

/** The driver's first access to the device's registers. */
const FIRST = { operation: 'register_read', register: 'VERSION' };

/**
 * The host's crossings from the driver's probe on. Left out: config space, which firmware and PCI core read in their own
 * ways; the DMA map, which is the VMM's business; and raw region accesses, each of which follows as a named register
 * access.
 */
export function hostCrossings(events: readonly TraceEvent[]): HostCrossing[] {
  const start = events.findIndex(({ operation, values }) => operation === FIRST.operation && values['register'] === FIRST.register);
  return (start < 0 ? [] : events.slice(start)).filter(isComparable).map(({ agent, from, to, operation, values }) => {
    const { address, iova, ...rest } = values;
    const isMemory = operation.startsWith('dma_');
    const kept = isMemory ? rest : { ...rest, ...(address === undefined ? {} : { address }), ...(iova === undefined ? {} : { iova }) };
    return { agent, from: ABOVE.has(from) ? 'vmm' : from, to, operation, values: kept };
  });
}

function isComparable({ agent, to, operation, values }: TraceEvent): boolean {
  const onGuestSide = ABOVE.has(to) || (to === 'irq' && agent.startsWith('VC') && !agent.endsWith('/host'));
  const isRawAccess = to === 'vfio' && (operation === 'read' || operation === 'write' || operation.endsWith('MAP_DMA'));
  const isConfig = String(values['register'] ?? '').startsWith('config+');
  return !onGuestSide && !isRawAccess && !isConfig;
}

/** Parses a trace file: one JSON object a line. Throws SyntaxError on a line that is none. */
export function parseTrace(text: string): TraceEvent[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TraceEvent);
}
