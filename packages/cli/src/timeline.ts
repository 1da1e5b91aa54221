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

const LEGEND = [
  '',
  'Each row is a call from the layer marked o to the layer at the arrow. Agents: HK host task; VC0 the guest on its vCPU, VC0/host the',
  'same thread in a trap; QM the VMM\'s main loop; HI host interrupts; DEV the device; irq/N-name the thread of an interrupt.',
];

export interface TimelineOptions {
  /** Register reads and writes are most of a run and are left out unless asked for. */
  readonly registers: boolean;
  /** Numbers of the flow's steps, by their crossings; those are always shown. */
  readonly ids?: ReadonlyMap<TraceEvent, string>;
}

/** Accesses to registers, at every layer they pass. */
const REGISTER_OPERATION = /^(guest_|register_)?(read|write)(8|16|32|64)?$/;

/** What is in the picture: register accesses only when they are asked for, or are the trap behind what is shown next (R8). */
export function shownEvents(events: readonly TraceEvent[], { registers, ids }: TimelineOptions): readonly TraceEvent[] {
  if (registers) return events;
  const shown: TraceEvent[] = [];
  let trap: TraceEvent | null = null;
  for (const event of events) {
    const hidden = REGISTER_OPERATION.test(event.operation) && !isMessageStore(event) && ids?.has(event) !== true;
    if (hidden && event.to === 'vmm') trap = event;
    if (hidden) continue;
    if (trap !== null && event.agent === `${trap.agent}/host`) shown.push(trap);
    trap = null;
    shown.push(event);
  }
  return shown;
}

export function timeline(events: readonly TraceEvent[], options: TimelineOptions): string {
  const { ids } = options;
  const shown = shownEvents(events, options);
  const lanes = LANES.filter((each) => shown.some((event) => lane(event.from, event.agent) === each || lane(event.to, event.agent) === each));
  const table = new Table({ head: ['us', ...(ids === undefined ? [] : ['step']), 'agent', ...lanes, 'operation'], style: { head: [], border: [], compact: true }, chars: PLAIN });
  const start = events[0]?.time ?? 0;
  for (const event of shown) {
    const from = lanes.indexOf(lane(event.from, event.agent));
    const to = lanes.indexOf(lane(event.to, event.agent));
    table.push([((event.time - start) / 1000).toFixed(0), ...(ids === undefined ? [] : [ids.get(event) ?? '']), event.agent, ...lanes.map((_, index) => arrow(index, from, to)), describeEvent(event)]);
  }
  const hidden = events.length - shown.length;
  const rows = table.toString().split('\n').map((row) => row.trimEnd());
  return `${[...rows, ...LEGEND].join('\n')}\n${hidden > 0 ? `${hidden} register accesses are not shown; --registers shows them.\n` : ''}`;
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

/** An operation and its values, as engineers write them. */
export function describeEvent({ operation: name, values }: TraceEvent): string {
  const shown = Object.entries(values).map(([key, value]) => `${key}=${format(key, value)}`);
  return shown.length === 0 ? name : `${name} ${shown.join(' ')}`;
}

/** What engineers read in hexadecimal: addresses, offsets, register values; requesters as bus:device.function. */
const HEXADECIMAL = new Set(['address', 'iova', 'offset', 'value', 'data']);

function format(key: string, value: TraceValue): string {
  if (key === 'requester' && typeof value === 'number') return `${hex(value >>> 8, 2)}:${hex((value >>> 3) & 31, 2)}.${value & 7}`;
  if (typeof value === 'bigint' || (typeof value === 'number' && (HEXADECIMAL.has(key) || value > 0xffff))) return `0x${value.toString(16)}`;
  return String(value);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const PLAIN = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: ' ',
};
