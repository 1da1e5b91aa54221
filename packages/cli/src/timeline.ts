// The crossings of a run as a table: a row a crossing, a lane a layer, time downwards.
import Table from 'cli-table3';
import type { TraceEvent, TraceValue } from '@siov/base';

/** Layers in the order a request travels. The guest's own irq core is not the host's. */
const LANES = ['guest', 'guest irq', 'vmm', 'vfio', 'idxd', 'vfio-mdev', 'irq', 'ims', 'iommu', 'hw'];

/** Where an event's layer is drawn: on a vCPU outside of a trap, `irq` is the guest's. */
function lane(layer: string, agent: string): string {
  const inGuest = agent.startsWith('VC') && !agent.includes('/host');
  return layer === 'irq' && inGuest ? 'guest irq' : layer;
}

export interface TimelineOptions {
  /** Register reads and writes are most of a run and are left out unless asked for. */
  readonly registers: boolean;
}

/** Accesses to registers, at every layer they pass. */
const REGISTER_OPERATION = /^(guest_|register_)?(read|write)(8|16|32|64)?$/;

export function timeline(events: readonly TraceEvent[], options: TimelineOptions): string {
  const shown = options.registers ? events : events.filter((event) => !REGISTER_OPERATION.test(event.operation) || isMessageStore(event));
  const lanes = LANES.filter((each) => shown.some((event) => lane(event.from, event.agent) === each || lane(event.to, event.agent) === each));
  const table = new Table({ head: ['us', 'agent', ...lanes, 'operation'], style: { head: [], border: [], compact: true }, chars: PLAIN });
  for (const event of shown) {
    const from = lanes.indexOf(lane(event.from, event.agent));
    const to = lanes.indexOf(lane(event.to, event.agent));
    table.push([(event.time / 1000).toFixed(0), event.agent, ...lanes.map((_, index) => arrow(index, from, to)), operation(event)]);
  }
  const hidden = events.length - shown.length;
  return `${table.toString()}\n${hidden > 0 ? `(${hidden} register accesses not shown; --registers shows them)\n` : ''}`;
}

/** An access to an interrupt message entry is what the review is about: never hidden. */
function isMessageStore(event: TraceEvent): boolean {
  return event.to === 'hw' && String(event.values['register'] ?? '').startsWith('IMS[') && event.operation.startsWith('write');
}

function arrow(index: number, from: number, to: number): string {
  if (index === from) return 'o';
  if (index === to) return to > from ? '>' : '<';
  return (index > from && index < to) || (index < from && index > to) ? '-' : '';
}

function operation({ operation: name, values }: TraceEvent): string {
  const shown = Object.entries(values).map(([key, value]) => `${key}=${format(value)}`);
  return shown.length === 0 ? name : `${name} ${shown.join(' ')}`;
}

function format(value: TraceValue): string {
  if (typeof value === 'bigint' || (typeof value === 'number' && value > 0xffff)) return `0x${value.toString(16)}`;
  return String(value);
}

const PLAIN = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ',
};
