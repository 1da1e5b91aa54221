// Hardware's side of the DMA-remapping tables: from the requester's id and PASID to the page tables (VT-d 3.4, 6.2), or
// to the reason why there are none.
import { ContextEntry, DirectoryEntry, LegacyContextEntry, PasidEntry, PASIDS_PER_TABLE, RootEntry, TRANSLATION_TYPE } from './table-entries.ts';
import type { TranslationType } from './table-entries.ts';
import { addressOf } from './table-memory.ts';
import type { RemappingTables } from './remapping-tables.ts';
import { wordAt } from './words.ts';

/** Fault reasons (drivers/iommu/intel/dmar.c, dma_remap_fault_reasons[] and dma_remap_sm_fault_reasons[]). */
export const DMA_FAULT = {
  'legacy-root-not-present': 0x01,
  'legacy-context-not-present': 0x02,
  'legacy-no-write': 0x05,
  'legacy-no-read': 0x06,
  'pasid-in-legacy-mode': 0x31,
  'root-not-present': 0x39,
  'context-not-present': 0x41,
  'pasid-not-enabled': 0x45,
  'pasid-beyond-directory': 0x46,
  'directory-entry-not-present': 0x51,
  'pasid-entry-not-present': 0x59,
  'supervisor-request': 0x5d,
  'first-level-not-present': 0x71,
  'second-level-permission': 0x79,
  'user-request': 0x81,
  'first-level-no-write': 0x85,
  'interrupt-address': 0x87,
} as const;

export type DmaFaultReason = keyof typeof DMA_FAULT;

/** Where a request is translated. */
export interface WalkTarget {
  readonly type: TranslationType;
  /** Of the page tables; for pass-through of the memory behind the identity. */
  readonly address: number;
  readonly domainId: number;
  /** Privileged requests are served (SRE). */
  readonly supervisor: boolean;
  /** What the page tables refuse is not recorded either (FPD). */
  readonly silent: boolean;
}

export interface WalkFault {
  readonly fault: DmaFaultReason;
  /** The entry says that its faults are not recorded (FPD). */
  readonly silent: boolean;
}

/** `pasid` null: a request without PASID. */
export function walk(tables: RemappingTables, requesterId: number, pasid: number | null): WalkTarget | WalkFault {
  return tables.scalable ? walkScalable(tables, requesterId, pasid) : walkLegacy(tables, requesterId, pasid);
}

function walkScalable({ root, memory }: RemappingTables, requesterId: number, pasid: number | null): WalkTarget | WalkFault {
  const half = (requesterId & 0x80) === 0 ? RootEntry.Lower : RootEntry.Upper;
  const bus = half.image(wordAt(root, (requesterId >>> 8) * RootEntry.WORDS + half.offset / 4)) as typeof RootEntry.Lower.reset & typeof RootEntry.Upper.reset;
  if (half.present.get(bus) === 0) return { fault: 'root-not-present', silent: false };

  const contexts = memory.at(addressOf(half.contextTable.get(bus)));
  const at = (requesterId & 0x7f) * ContextEntry.WORDS;
  const { Low, RidPasid } = ContextEntry;
  const context = Low.image(wordAt(contexts, at));
  const contextSilent = Low.faultDisable.get(context) === 1;
  if (Low.present.get(context) === 0) return { fault: 'context-not-present', silent: contextSilent };
  if (pasid !== null && Low.pasidEnable.get(context) === 0) return { fault: 'pasid-not-enabled', silent: contextSilent };
  const id = pasid ?? RidPasid.ridPasid.get(RidPasid.image(wordAt(contexts, at + 2)));
  if (id >= 2 ** (Low.directorySize.get(context) + 13)) return { fault: 'pasid-beyond-directory', silent: contextSilent };

  const directory = memory.at(addressOf(Low.directory.get(context)));
  const table = DirectoryEntry.Low.image(wordAt(directory, (id >>> 6) * DirectoryEntry.WORDS));
  const tableSilent = contextSilent || DirectoryEntry.Low.faultDisable.get(table) === 1;
  if (DirectoryEntry.Low.present.get(table) === 0) return { fault: 'directory-entry-not-present', silent: tableSilent };

  const entries = memory.at(addressOf(DirectoryEntry.Low.table.get(table)));
  return readEntry(entries, (id & (PASIDS_PER_TABLE - 1)) * PasidEntry.WORDS, tableSilent);
}

function readEntry(entries: Uint32Array, at: number, silent: boolean): WalkTarget | WalkFault {
  const { Low, Domain, FirstLevel } = PasidEntry;
  const low = Low.image(wordAt(entries, at));
  const entrySilent = silent || Low.faultDisable.get(low) === 1;
  if (Low.present.get(low) === 0) return { fault: 'pasid-entry-not-present', silent: entrySilent };
  const domainId = Domain.domainId.get(Domain.image(wordAt(entries, at + 2)));
  const first = FirstLevel.image(wordAt(entries, at + 4));
  const supervisor = FirstLevel.supervisor.get(first) === 1;
  const pgtt = Low.translationType.get(low);
  if (pgtt === TRANSLATION_TYPE['first-level']) return { type: 'first-level', address: addressOf(FirstLevel.firstLevel.get(first)), domainId, supervisor, silent: entrySilent };
  const type = pgtt === TRANSLATION_TYPE['pass-through'] ? 'pass-through' : 'second-level';
  return { type, address: addressOf(Low.secondLevel.get(low)), domainId, supervisor, silent: entrySilent };
}

function walkLegacy({ root, memory }: RemappingTables, requesterId: number, pasid: number | null): WalkTarget | WalkFault {
  if (pasid !== null) return { fault: 'pasid-in-legacy-mode', silent: false };
  const { Lower } = RootEntry;
  const bus = Lower.image(wordAt(root, (requesterId >>> 8) * RootEntry.WORDS));
  if (Lower.present.get(bus) === 0) return { fault: 'legacy-root-not-present', silent: false };
  const contexts = memory.at(addressOf(Lower.contextTable.get(bus)));
  const at = (requesterId & 0xff) * LegacyContextEntry.WORDS;
  const { Low, Domain } = LegacyContextEntry;
  const context = Low.image(wordAt(contexts, at));
  if (Low.present.get(context) === 0) return { fault: 'legacy-context-not-present', silent: Low.faultDisable.get(context) === 1 };
  return {
    type: Low.translationType.get(context) === 2 ? 'pass-through' : 'second-level',
    address: addressOf(Low.secondLevel.get(context)),
    domainId: Domain.domainId.get(Domain.image(wordAt(contexts, at + 2))),
    supervisor: false,
    silent: Low.faultDisable.get(context) === 1,
  };
}
