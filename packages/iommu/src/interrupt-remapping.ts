// The interrupt-remapping domain: between the device's message and the vector stands a table entry that also says who
// may use it (VT-d chapter 5; drivers/iommu/intel/irq_remapping.c).
import { fail, IdAllocator, ok } from '@siov/base';
import type { StatePort, Steps, Trace } from '@siov/base';
import { IrqDomain } from '@siov/irq';
import type { IrqChip, IrqData, MsiAllocInfo, VectorDomain, VectorTarget } from '@siov/irq';
import { composeRemappableMsg, parseRemappableMsg } from './remappable-message.ts';

/** VT-d fault reasons of blocked interrupt requests. */
export const IR_FAULT = {
  'index-beyond-table': 0x21,
  'entry-not-present': 0x22,
  'compatibility-blocked': 0x25,
  'source-id': 0x26,
} as const;

export interface InterruptFault {
  readonly reason: keyof typeof IR_FAULT;
  readonly requesterId: number;
  readonly index: number | null;
}

/** An entry of the table (IRTE), remapped format. `target` null: not present. Replaced as a whole, as hardware wants it. */
interface Entry {
  readonly sourceId: number;
  readonly target: VectorTarget | null;
}

/** Interrupts reach CPUs as messages to this address range when they carry no PASID (VT-d 3.14). */
export function isInterruptAddress(address: bigint): boolean {
  return address >> 20n === 0xfeen;
}

export class InterruptRemapping {
  readonly domain: IrqDomain<MsiAllocInfo>;
  readonly #trace: Trace;
  readonly #vectors: VectorDomain;
  readonly #indices: IdAllocator;
  readonly #entries: Map<number, Entry>;
  readonly #log: { faults: number; last: InterruptFault | null };
  readonly #chip: IrqChip = { name: 'INTEL-IR', irqComposeMsiMsg: (data) => composeRemappableMsg(data.hwirq) };

  /** `size` entries, at most 65536. */
  constructor(ports: { state: StatePort; trace: Trace }, vectors: VectorDomain, size = 65536) {
    this.#trace = ports.trace;
    this.#vectors = vectors;
    this.#indices = new IdAllocator(ports.state, 'iommu/irtes', { first: 0, end: size });
    this.#entries = ports.state.map('iommu/irte');
    this.#log = ports.state.record('iommu/ir-faults', { faults: 0, last: null as InterruptFault | null });
    this.domain = new IrqDomain<MsiAllocInfo>(
      ports.state,
      'INTEL-IR',
      {
        alloc: (_domain, _virq, info) => this.#alloc(info),
        free: (data) => this.#free(data),
        activate: (data) => this.#activate(data),
        deactivate: (data) => this.#deactivate(data),
      },
      vectors.domain,
    );
  }

  get counters(): { entries: number; present: number; faults: number } {
    let present = 0;
    for (const entry of this.#entries.values()) if (entry.target !== null) present += 1;
    return { entries: this.#indices.used, present, faults: this.#log.faults };
  }

  get lastFault(): InterruptFault | null {
    return this.#log.last;
  }

  /** A memory write without PASID to the interrupt range: looked up, checked and raised, or dropped and recorded. */
  message(requesterId: number, address: bigint, data: number): Steps<void> {
    return this.#trace.cross('iommu', 'remap_interrupt', { requester: requesterId, address, data }, this.#remap(requesterId, address, data));
  }

  *#remap(requesterId: number, address: bigint, data: number): Steps<void> {
    const parsed = parseRemappableMsg(address, data);
    if ('fault' in parsed) return this.#fault({ reason: parsed.fault, requesterId, index: null });
    const { index } = parsed;
    if (index >= this.#indices.end) return this.#fault({ reason: 'index-beyond-table', requesterId, index });
    const entry = this.#entries.get(index);
    if (entry === undefined || entry.target === null) return this.#fault({ reason: 'entry-not-present', requesterId, index });
    if (entry.sourceId !== requesterId) return this.#fault({ reason: 'source-id', requesterId, index });
    const { cpu, vector } = entry.target;
    yield* this.#trace.cross('irq', 'raise_vector', { cpu, vector }, this.#vectors.raise(cpu, vector));
  }

  #fault(fault: InterruptFault): void {
    this.#log.faults += 1;
    this.#log.last = fault;
  }

  /** The source is the function that writes the message: a mediated device's messages carry its parent's id. */
  *#alloc(info: MsiAllocInfo) {
    const index = this.#indices.alloc();
    if (!index.ok) return fail('ENOMEM', `interrupt remapping: all ${this.#indices.end} entries are in use`);
    this.#entries.set(index.value, { sourceId: info.device.requesterId, target: null });
    return ok({ hwirq: index.value, chip: this.#chip, chipData: null });
  }

  *#free(data: IrqData): Steps<void> {
    this.#entries.delete(data.hwirq);
    this.#indices.free(data.hwirq);
  }

  *#activate(data: IrqData) {
    this.#setTarget(data, this.#vectors.targetOf(data));
    return ok();
  }

  *#deactivate(data: IrqData): Steps<void> {
    this.#setTarget(data, null);
  }

  #setTarget(data: IrqData, target: VectorTarget | null): void {
    const entry = this.#entries.get(data.hwirq);
    if (entry !== undefined) this.#entries.set(data.hwirq, { ...entry, target });
  }
}
