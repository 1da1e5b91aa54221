// What a VT-d unit remembers of requests it blocked: primary fault recording registers, as many as there are, and an
// overflow flag when they are full (VT-d 7.2.1, 10.4.9, 10.4.14; drivers/iommu/intel/dmar.c dmar_fault()).
import { bit, bits, register } from '@siov/base';
import type { StatePort } from '@siov/base';
import { wordAt } from './words.ts';

const SOURCE = 'VT-d 10.4.14';
/** One record is 128 bits: four words. */
export const FaultRecordWords = {
  InfoLo: register('Fault record 31:0', { offset: 0, source: SOURCE }, { info: bits(31, 12) }),
  InfoHi: register('Fault record 63:32', { offset: 4, source: SOURCE }, { info: bits(31, 0) }),
  Source: register('Fault record 95:64', { offset: 8, source: SOURCE }, {
    sourceId: bits(15, 0),
    privileged: bit(29),
    execute: bit(30),
    pasidPresent: bit(31),
  }),
  Reason: register('Fault record 127:96', { offset: 12, source: SOURCE }, {
    reason: bits(7, 0),
    pasid: bits(27, 8),
    /** 1: a read. */
    type: bit(30),
    /** Set by hardware, cleared by software when it has read the record. */
    fault: bit(31),
  }),
} as const;

export interface FaultRecord {
  readonly sourceId: number;
  /** Fault reason (FR), 8 bits. */
  readonly code: number;
  /** DMA: the page's address, bits 11:0 zero. Interrupts: the index in bits 63:48. */
  readonly info: bigint;
  readonly pasid: number | null;
  readonly read: boolean;
  readonly privileged: boolean;
}

/** Registers of one VT-d unit unless said (CAP.NFR + 1; real units have 1 to 8). */
const RECORDS = 8;

export class FaultLog {
  readonly #words: Uint32Array;
  readonly #records: number;
  /** `next`: the register the next fault goes to; `oldest`: the first that software has not read (FSTS.FRI). */
  readonly #state: { next: number; oldest: number; overflow: boolean; total: number; lost: number };
  readonly #event: (() => void) | undefined;

  /** `event` is the fault event message: called when the first fault is pending, not again until all were taken. */
  constructor(state: StatePort, name: string, options: { records?: number; event?: () => void } = {}) {
    this.#records = options.records ?? RECORDS;
    this.#words = state.words(`${name}/registers`, this.#records * 4);
    this.#state = state.record(name, { next: 0, oldest: 0, overflow: false, total: 0, lost: 0 });
    this.#event = options.event;
  }

  /** Faults since the start, those that found no register included. */
  get total(): number {
    return this.#state.total;
  }

  /** Of them, those that found no register. */
  get lost(): number {
    return this.#state.lost;
  }

  /** Primary fault overflow (FSTS.PFO): until it is cleared nothing more is recorded. */
  get overflow(): boolean {
    return this.#state.overflow;
  }

  /** Primary pending fault (FSTS.PPF). */
  get pending(): boolean {
    return this.#full(this.#state.oldest);
  }

  record(fault: FaultRecord): void {
    const state = this.#state;
    state.total += 1;
    if (state.overflow || this.#full(state.next)) {
      state.overflow = true;
      state.lost += 1;
      return;
    }
    const first = !this.pending;
    const { InfoLo, InfoHi, Source, Reason } = FaultRecordWords;
    const at = state.next * 4;
    this.#words[at] = InfoLo.of({ info: Number((fault.info >> 12n) & 0xfffffn) });
    this.#words[at + 1] = InfoHi.of({ info: Number(fault.info >> 32n) });
    this.#words[at + 2] = Source.of({ sourceId: fault.sourceId, privileged: Number(fault.privileged), pasidPresent: Number(fault.pasid !== null) });
    this.#words[at + 3] = Reason.of({ reason: fault.code, pasid: fault.pasid ?? 0, type: Number(fault.read), fault: 1 });
    state.next = (state.next + 1) % this.#records;
    if (first) this.#event?.();
  }

  /** The oldest record, whose register is free from then on; null when there is none. */
  take(): FaultRecord | null {
    if (!this.pending) return null;
    const { InfoLo, InfoHi, Source, Reason } = FaultRecordWords;
    const at = this.#state.oldest * 4;
    const source = Source.image(wordAt(this.#words, at + 2));
    const reason = Reason.image(wordAt(this.#words, at + 3));
    const high = InfoHi.info.get(InfoHi.image(wordAt(this.#words, at + 1)));
    const low = InfoLo.info.get(InfoLo.image(wordAt(this.#words, at)));
    this.#words[at + 3] = Reason.fault.set(reason, 0);
    this.#state.oldest = (this.#state.oldest + 1) % this.#records;
    return {
      sourceId: Source.sourceId.get(source),
      code: Reason.reason.get(reason),
      info: (BigInt(high) << 32n) | (BigInt(low) << 12n),
      pasid: Source.pasidPresent.get(source) === 1 ? Reason.pasid.get(reason) : null,
      read: Reason.type.get(reason) === 1,
      privileged: Source.privileged.get(source) === 1,
    };
  }

  /** Software writes 1 to FSTS.PFO: recording goes on. */
  clearOverflow(): void {
    this.#state.overflow = false;
  }

  #full(index: number): boolean {
    const { Reason } = FaultRecordWords;
    return Reason.fault.get(Reason.image(wordAt(this.#words, index * 4 + 3))) === 1;
  }
}
