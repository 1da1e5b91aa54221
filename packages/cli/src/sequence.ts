// The crossings of a run as a sequence diagram: a lane an agent, an arrow where another agent goes on because of it.
import type { Sequence, SequenceStep } from '@siov/base/diagram';
import type { TraceEvent } from '@siov/base';
import { describeEvent, shownEvents } from './timeline.ts';
import type { TimelineOptions } from './timeline.ts';

/** From the host's task to the silicon. Threads of interrupts come where they appear. */
const ORDER = ['HK', 'QM', 'VC0', 'VC0/host', 'VC1', 'VC1/host', 'VC0 irq', 'HI', 'DEV'];

export function sequenceOf(title: string, events: readonly TraceEvent[], options: TimelineOptions): Sequence {
  const agents = new Set(events.map(({ agent }) => agent));
  const steps = shownEvents(events, options).map((event): SequenceStep => {
    const { agent, from, to } = event;
    const wakes = wokenBy(event);
    const step = { agent, text: `${from} > ${to}: ${describeEvent(event)}` };
    return wakes !== undefined && wakes !== agent && agents.has(wakes) ? { ...step, wakes } : step;
  });
  return { title, order: ORDER, steps };
}

/** Who goes on: the vCPU's host thread in a trap, the device with a descriptor, a CPU with a message, the VMM with a signal. */
function wokenBy({ agent, to, operation }: TraceEvent): string | undefined {
  if (to === 'vmm' && operation.startsWith('guest_')) return `${agent}/host`;
  if (to === 'hw' && (operation === 'submit' || operation === 'enqueue')) return 'DEV';
  if (operation === 'raise_vector') return 'HI';
  return operation === 'eventfd_signal' ? 'QM' : undefined;
}
