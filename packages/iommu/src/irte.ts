// Entries of the interrupt-remapping table (IRTE), 128 bits: where an interrupt goes, and who may send it (VT-d 9.9, 9.10;
// the field layout is from memory of the specification and of include/linux/dmar.h).
import { bit, bits, register } from '@siov/base';
import { wordAt } from './words.ts';

const REMAPPED = 'VT-d 9.9';
const POSTED = 'VT-d 9.10';

export const Irte = {
  WORDS: 4,
  /** Both formats; `urgent` is of the posted one, what lies below `available` of the remapped one. */
  Low: register('IRTE 31:0', { offset: 0, source: `${REMAPPED}, 9.10` }, {
    present: bit(0),
    /** Faults of this entry are not recorded (FPD). */
    faultDisable: bit(1),
    destinationMode: bit(2),
    redirectionHint: bit(3),
    triggerMode: bit(4),
    deliveryMode: bits(7, 5),
    available: bits(11, 8),
    urgent: bit(14),
    /** IM: 0 remapped, 1 posted. */
    posted: bit(15),
    vector: bits(23, 16),
  }),
  /** APIC id, 32 bits: the table is in x2APIC mode. */
  Destination: register('IRTE 63:32, remapped', { offset: 4, source: REMAPPED }, { destination: bits(31, 0) }),
  /** Posted descriptor address, bits 31:6. */
  DescriptorLo: register('IRTE 63:32, posted', { offset: 4, source: POSTED }, { address: bits(31, 6) }),
  Source: register('IRTE 95:64', { offset: 8, source: `${REMAPPED}, 9.10` }, {
    sourceId: bits(15, 0),
    /** SQ: how many low bits of the function number do not count. */
    qualifier: bits(17, 16),
    /** SVT: see {@link VALIDATION}. */
    validation: bits(19, 18),
  }),
  DescriptorHi: register('IRTE 127:96, posted', { offset: 12, source: POSTED }, { address: bits(31, 0) }),
} as const;

/** SVT. `bus`: the source id is a range of buses, first in bits 15:8, last in 7:0. */
export const VALIDATION = { none: 0, requester: 1, bus: 2, reserved: 3 } as const;

// Every interrupt asks: found once.
const { none, requester, bus } = VALIDATION;

/** Who may send the interrupt. */
export interface IrteSource {
  readonly sourceId: number;
  readonly qualifier: number;
  readonly validation: number;
}

/** Whether a request of `requesterId` may use an entry with these fields (VT-d 5.1.4). A reserved validation: nobody may. */
export function mayUse(validation: number, qualifier: number, sourceId: number, requesterId: number): boolean {
  if (validation === none) return true;
  if (validation === bus) return requesterId >>> 8 >= sourceId >>> 8 && requesterId >>> 8 <= (sourceId & 0xff);
  // SQ 1 leaves bit 2 out, 2 bits 2:1, 3 bits 2:0.
  const ignored = 7 & ~(7 >>> qualifier);
  return validation === requester && (requesterId & ~ignored) === (sourceId & ~ignored);
}

export function writeRemapped(words: Uint32Array, index: number, source: IrteSource, target: { readonly cpu: number; readonly vector: number }): void {
  const at = index * Irte.WORDS;
  // prepare_irte(): physical destination, fixed delivery, edge.
  words[at + 3] = 0;
  words[at + 2] = Irte.Source.of({ ...source });
  words[at + 1] = Irte.Destination.of({ destination: target.cpu });
  words[at] = Irte.Low.of({ present: 1, vector: target.vector });
}

export function writePosted(words: Uint32Array, index: number, source: IrteSource, target: { readonly descriptor: bigint; readonly vector: number }): void {
  const at = index * Irte.WORDS;
  words[at + 3] = Irte.DescriptorHi.of({ address: Number(target.descriptor >> 32n) });
  words[at + 2] = Irte.Source.of({ ...source });
  words[at + 1] = Irte.DescriptorLo.of({ address: Number((target.descriptor >> 6n) & 0x3ffffffn) });
  words[at] = Irte.Low.of({ present: 1, posted: 1, vector: target.vector });
}

export function clearIrte(words: Uint32Array, index: number): void {
  words.fill(0, index * Irte.WORDS, (index + 1) * Irte.WORDS);
}

/** What an entry says, for printing. */
export type IrteContent = IrteSource & { readonly faultDisable: boolean } & (
    | { readonly mode: 'not-present' }
    | { readonly mode: 'remapped'; readonly cpu: number; readonly vector: number }
    | { readonly mode: 'posted'; readonly descriptor: bigint; readonly vector: number; readonly urgent: boolean }
  );

export function readIrte(words: Uint32Array, index: number): IrteContent {
  const at = index * Irte.WORDS;
  const low = Irte.Low.decode(Irte.Low.image(wordAt(words, at)));
  const { sourceId, qualifier, validation } = Irte.Source.decode(Irte.Source.image(wordAt(words, at + 2)));
  const common = { sourceId, qualifier, validation, faultDisable: low.faultDisable === 1 };
  if (low.present === 0) return { ...common, mode: 'not-present' };
  const second = wordAt(words, at + 1);
  if (low.posted === 0) return { ...common, mode: 'remapped', cpu: Irte.Destination.destination.get(Irte.Destination.image(second)), vector: low.vector };
  const high = Irte.DescriptorHi.address.get(Irte.DescriptorHi.image(wordAt(words, at + 3)));
  const page = Irte.DescriptorLo.address.get(Irte.DescriptorLo.image(second));
  return { ...common, mode: 'posted', descriptor: (BigInt(high) << 32n) | (BigInt(page) << 6n), vector: low.vector, urgent: low.urgent === 1 };
}
