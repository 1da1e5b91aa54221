// The interrupt-remapping hardware: between the device's message and the vector stands a table entry that also says who
// may use it (VT-d chapter 5). What writes the table is remapping-domain.ts.
import { ModelError } from '@siov/base';
import type { StatePort, Trace } from '@siov/base';
import { parseVectorMsg } from '@siov/irq';
import type { IrqDomain, MsiAllocInfo } from '@siov/irq';
import { FaultLog } from './faults.ts';
import { Irte, mayUse, VALIDATION } from './irte.ts';
import { PostedInterrupts } from './posted-interrupts.ts';
import { COMPATIBILITY, NO_INTERRUPT, parseRemappableMsg } from './remappable-message.ts';
import { RemappingDomain } from './remapping-domain.ts';
import type { RemappedEntry, RemappedVectors } from './remapping-domain.ts';
import { wordAt } from './words.ts';

/** VT-d fault reasons of blocked interrupt requests (drivers/iommu/intel/dmar.c, irq_remap_fault_reasons[]). */
export const IR_FAULT = {
  'reserved-request-bits': 0x20,
  'index-beyond-table': 0x21,
  'entry-not-present': 0x22,
  'reserved-entry-bits': 0x24,
  'compatibility-blocked': 0x25,
  'source-id': 0x26,
} as const;

// Every interrupt asks them: found once.
const { WORDS, Low, Source } = Irte;
const RESERVED = VALIDATION.reserved;

export interface InterruptFault {
  readonly reason: keyof typeof IR_FAULT;
  readonly requesterId: number;
  readonly index: number | null;
}

export interface InterruptRemappingOptions {
  /** Entries of the table, at most 65536. */
  readonly size?: number;
  /** Messages that name a vector themselves are let through (GSTS.CFIS); else they are blocked. */
  readonly compatibilityAllowed?: boolean;
  /** Interrupts can be posted to virtual CPUs (CAP.PI); so unless said. */
  readonly posted?: boolean;
  /** Fault recording registers. */
  readonly faultRecords?: number;
}

export class InterruptRemapping {
  readonly domain: IrqDomain<MsiAllocInfo>;
  /** The fault recording registers of interrupt remapping. */
  readonly faultLog: FaultLog;
  /** Descriptors that interrupts can be posted to. */
  readonly posted: PostedInterrupts;
  readonly #trace: Trace;
  readonly #vectors: RemappedVectors;
  readonly #words: Uint32Array;
  readonly #size: number;
  readonly #options: InterruptRemappingOptions;
  readonly #levels: RemappingDomain;
  readonly #state: { last: InterruptFault | null; strays: number };

  /** `faultEvent` is the fault event message: the first fault is pending. */
  constructor(ports: { state: StatePort; trace: Trace; faultEvent?: () => void }, vectors: RemappedVectors, options: InterruptRemappingOptions = {}) {
    const { state } = ports;
    this.#size = options.size ?? 65536;
    if (!(Number.isInteger(this.#size) && this.#size > 0 && this.#size <= 65536)) throw new ModelError(`an interrupt-remapping table has 1..65536 entries, not ${this.#size}`);
    this.#trace = ports.trace;
    this.#vectors = vectors;
    this.#options = options;
    this.#words = state.words('iommu/irte', this.#size * WORDS);
    this.#state = state.record('iommu/ir-last-fault', { last: null as InterruptFault | null, strays: 0 });
    this.posted = new PostedInterrupts(state, 'iommu/posted', { raise: (cpu, vector) => this.#raise(cpu, vector) });
    this.#levels = new RemappingDomain(state, vectors, { words: this.#words, size: this.#size, posted: options.posted === false ? null : this.posted });
    this.domain = this.#levels.domain;
    this.faultLog = new FaultLog(state, 'iommu/ir-faults', {
      ...(options.faultRecords === undefined ? {} : { records: options.faultRecords }),
      ...(ports.faultEvent === undefined ? {} : { event: ports.faultEvent }),
    });
  }

  /** Entries allocated, entries present, messages blocked and recorded. */
  get counters(): { entries: number; present: number; faults: number } {
    return { entries: this.#levels.used, present: this.#levels.present, faults: this.faultLog.total };
  }

  get lastFault(): InterruptFault | null {
    return this.#state.last;
  }

  /** Messages to addresses that mean no interrupt: dropped, the port of messages leads nowhere else. */
  get strays(): number {
    return this.#state.strays;
  }

  /** The entries that are allocated, by index. */
  entries(): RemappedEntry[] {
    return this.#levels.entries();
  }

  /**
   * A double word written without PASID to the interrupt range: looked up, checked and raised, or dropped and recorded.
   * Nothing is allocated on the way, unless somebody traces, or it is a fault.
   */
  message(requesterId: number, addressHi: number, addressLo: number, data: number): void {
    if (this.#trace.enabled) this.#traced(requesterId, addressHi, addressLo, data);
    else this.#remap(requesterId, addressHi, addressLo, data);
  }

  #traced(requesterId: number, addressHi: number, addressLo: number, data: number): void {
    const address = (BigInt(addressHi >>> 0) << 32n) | BigInt(addressLo >>> 0);
    this.#trace.call('iommu', 'remap_interrupt', { requester: requesterId, address, data: data >>> 0 }, () => this.#remap(requesterId, addressHi, addressLo, data));
  }

  #remap(requesterId: number, addressHi: number, addressLo: number, data: number): void {
    const index = parseRemappableMsg(addressHi, addressLo, data);
    if (index < 0) return this.#other(index, requesterId, addressHi, addressLo, data);
    if (index >= this.#size) return this.#fault('index-beyond-table', requesterId, index);
    const words = this.#words;
    const at = index * WORDS;
    const low = wordAt(words, at) as typeof Low.reset;
    if (Low.present.get(low) === 0) return this.#entryFault('entry-not-present', requesterId, index);
    const source = wordAt(words, at + 2) as typeof Source.reset;
    const validation = Source.validation.get(source);
    const isPosted = Low.posted.get(low) === 1;
    if (validation === RESERVED || (isPosted && this.#options.posted === false)) return this.#entryFault('reserved-entry-bits', requesterId, index);
    if (!mayUse(validation, Source.qualifier.get(source), Source.sourceId.get(source), requesterId)) return this.#entryFault('source-id', requesterId, index);
    const vector = Low.vector.get(low);
    // The second word is all destination, or all address.
    if (isPosted) this.posted.post(wordAt(words, at + 3), wordAt(words, at + 1), vector, Low.urgent.get(low) === 1);
    else this.#raise(wordAt(words, at + 1), vector);
  }

  #raise(cpu: number, vector: number): void {
    if (this.#trace.enabled) this.#tracedRaise(cpu, vector);
    else this.#vectors.raise(cpu, vector);
  }

  #tracedRaise(cpu: number, vector: number): void {
    this.#trace.call('irq', 'raise_vector', { cpu, vector }, () => this.#vectors.raise(cpu, vector));
  }

  /** Messages that name no entry. */
  #other(what: number, requesterId: number, addressHi: number, addressLo: number, data: number): void {
    if (what === NO_INTERRUPT) {
      this.#state.strays += 1;
      return;
    }
    if (what !== COMPATIBILITY) return this.#fault('reserved-request-bits', requesterId, null);
    const target = this.#options.compatibilityAllowed === true ? parseVectorMsg(addressHi, addressLo, data) : -1;
    if (target < 0) return this.#fault('compatibility-blocked', requesterId, null);
    this.#raise(target >>> 8, target & 0xff);
  }

  /** A fault that the entry may keep quiet about (FPD). */
  #entryFault(reason: InterruptFault['reason'], requesterId: number, index: number): void {
    if (Low.faultDisable.get(Low.image(wordAt(this.#words, index * WORDS))) === 0) this.#fault(reason, requesterId, index);
  }

  #fault(reason: InterruptFault['reason'], requesterId: number, index: number | null): void {
    this.#state.last = { reason, requesterId, index };
    const info = BigInt(index === null ? 0 : index & 0xffff) << 48n;
    this.faultLog.record({ sourceId: requesterId, code: IR_FAULT[reason], info, pasid: null, read: false, privileged: false });
  }
}
