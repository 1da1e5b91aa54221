// Software's side of the DMA-remapping tables: root, context entries, PASID directories and tables, written as
// drivers/iommu/intel/{iommu,pasid}.c write them. The hardware's side is table-walk.ts.
import { ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { ContextEntry, DirectoryEntry, FOUR_LEVELS, LegacyContextEntry, PasidEntry, PASIDS_PER_TABLE, RootEntry, TRANSLATION_TYPE } from './table-entries.ts';
import type { TranslationType } from './table-entries.ts';
import { addressOf, pageOf, TableMemory } from './table-memory.ts';
import { wordAt } from './words.ts';

/** What an entry says of an address space. */
export interface EntryTarget {
  readonly type: TranslationType;
  /** Of its page tables. */
  readonly address: number;
  /** DID, 16 bits. */
  readonly domainId: number;
  readonly supervisor: boolean;
}

/** PASID whose entry serves requests without one (RID_PASID; IOMMU_NO_PASID). */
export const NO_PASID = 0;
const BUSES = 256;

export class RemappingTables {
  readonly scalable: boolean;
  readonly memory: TableMemory;
  readonly root: Uint32Array;
  /** Directory size as context entries hold it: 2^(value + 13) PASIDs. */
  readonly #directorySize: number;

  constructor(state: StatePort, name: string, options: { scalable: boolean; pasidWidth: number }) {
    this.scalable = options.scalable;
    this.memory = new TableMemory(state, name);
    this.root = state.words(`${name}/root-table`, BUSES * RootEntry.WORDS);
    this.#directorySize = Math.max(0, options.pasidWidth - 13);
  }

  /** A context entry for a requester: in scalable mode with an empty PASID directory (intel_pasid_alloc_table()). */
  addRequester(requesterId: number): Result<void, 'ENOMEM'> {
    if (!this.scalable) return ok();
    const directory = this.memory.alloc(2 ** (this.#directorySize + 7) * DirectoryEntry.WORDS);
    if (!directory.ok) return directory;
    const context = this.#contextTable(requesterId);
    if (!context.ok) {
      this.memory.free(directory.value);
      return context;
    }
    const at = (requesterId & 0x7f) * ContextEntry.WORDS;
    context.value[at + 2] = ContextEntry.RidPasid.of({ ridPasid: NO_PASID });
    context.value[at] = ContextEntry.Low.of({ present: 1, pasidEnable: 1, directorySize: this.#directorySize, directory: pageOf(directory.value) });
    return ok();
  }

  /** The requester's context entry is gone, with its directory and tables. Context tables stay, as the kernel's do. */
  removeRequester(requesterId: number): void {
    if (!this.scalable) return;
    const context = this.#existingContext(requesterId);
    const at = (requesterId & 0x7f) * ContextEntry.WORDS;
    const directory = this.#directory(requesterId);
    context.fill(0, at, at + ContextEntry.WORDS);
    for (let each = 0; each < directory.words.length; each += DirectoryEntry.WORDS) {
      const entry = DirectoryEntry.Low.image(wordAt(directory.words, each));
      if (DirectoryEntry.Low.present.get(entry) === 1) this.memory.free(addressOf(DirectoryEntry.Low.table.get(entry)));
    }
    this.memory.free(directory.address);
  }

  /** The entry of `pasid`; its table is made when it is the first there. `ENOMEM`. Present last, as hardware demands. */
  setEntry(requesterId: number, pasid: number, target: EntryTarget): Result<void, 'ENOMEM'> {
    if (!this.scalable) return this.#setLegacy(requesterId, target);
    const directory = this.#directory(requesterId).words;
    const slot = (pasid >>> 6) * DirectoryEntry.WORDS;
    const { Low } = DirectoryEntry;
    if (Low.present.get(Low.image(wordAt(directory, slot))) === 0) {
      const table = this.memory.alloc(PASIDS_PER_TABLE * PasidEntry.WORDS);
      if (!table.ok) return table;
      directory[slot] = Low.of({ present: 1, table: pageOf(table.value) });
    }
    const table = this.memory.at(addressOf(Low.table.get(Low.image(wordAt(directory, slot)))));
    const at = (pasid & (PASIDS_PER_TABLE - 1)) * PasidEntry.WORDS;
    const first = target.type === 'first-level';
    const page = pageOf(target.address);
    const supervisor = Number(target.supervisor);
    // Through a second level anybody's requests go, privileged or not: its addresses are those of a guest
    // (intel_pasid_setup_second_level(), from memory of the kernel source).
    table[at + 4] = PasidEntry.FirstLevel.of(first ? { supervisor, writeProtect: supervisor, firstLevel: page } : { supervisor: 1 });
    table[at + 2] = PasidEntry.Domain.of({ domainId: target.domainId, pageWalkSnoop: 1 });
    table[at] = PasidEntry.Low.of({
      present: 1,
      addressWidth: FOUR_LEVELS,
      translationType: TRANSLATION_TYPE[target.type],
      // Hardware ignores it for pass-through; here it also names the memory behind the identity.
      secondLevel: first ? 0 : page,
    });
    return ok();
  }

  /** intel_pasid_tear_down_entry(). `faultDisable`: what still comes is blocked without being recorded. */
  clearEntry(requesterId: number, pasid: number, faultDisable = false): void {
    if (!this.scalable) return this.#clearLegacy(requesterId);
    const directory = this.#directory(requesterId).words;
    const { Low } = DirectoryEntry;
    const table = this.memory.at(addressOf(Low.table.get(Low.image(wordAt(directory, (pasid >>> 6) * DirectoryEntry.WORDS)))));
    const at = (pasid & (PASIDS_PER_TABLE - 1)) * PasidEntry.WORDS;
    table.fill(0, at, at + PasidEntry.WORDS);
    table[at] = PasidEntry.Low.of({ faultDisable: Number(faultDisable) });
  }

  #setLegacy(requesterId: number, target: EntryTarget): Result<void, 'ENOMEM'> {
    const context = this.#contextTable(requesterId);
    if (!context.ok) return context;
    const at = (requesterId & 0xff) * LegacyContextEntry.WORDS;
    context.value[at + 2] = LegacyContextEntry.Domain.of({ addressWidth: FOUR_LEVELS, domainId: target.domainId });
    context.value[at] = LegacyContextEntry.Low.of({
      present: 1,
      translationType: target.type === 'pass-through' ? 2 : 0,
      secondLevel: pageOf(target.address),
    });
    return ok();
  }

  #clearLegacy(requesterId: number): void {
    const at = (requesterId & 0xff) * LegacyContextEntry.WORDS;
    this.#existingContext(requesterId).fill(0, at, at + LegacyContextEntry.WORDS);
  }

  /** iommu_context_addr(): the context table of the requester's bus (or half of it), made when it is the first there. */
  #contextTable(requesterId: number): Result<Uint32Array, 'ENOMEM'> {
    const { Lower } = RootEntry;
    const at = this.#rootWord(requesterId);
    if (Lower.present.get(Lower.image(wordAt(this.root, at))) === 0) {
      const made = this.memory.alloc(this.scalable ? 128 * ContextEntry.WORDS : 256 * LegacyContextEntry.WORDS);
      if (!made.ok) return made;
      this.root[at] = Lower.of({ present: 1, contextTable: pageOf(made.value) });
    }
    return ok(this.#existingContext(requesterId));
  }

  #existingContext(requesterId: number): Uint32Array {
    const { Lower } = RootEntry;
    return this.memory.at(addressOf(Lower.contextTable.get(Lower.image(wordAt(this.root, this.#rootWord(requesterId))))));
  }

  /** Lower and upper halves of a root entry have the same fields. */
  #rootWord(requesterId: number): number {
    return (requesterId >>> 8) * RootEntry.WORDS + (this.scalable && (requesterId & 0x80) !== 0 ? 2 : 0);
  }

  #directory(requesterId: number): { address: number; words: Uint32Array } {
    const { Low } = ContextEntry;
    const entry = Low.image(wordAt(this.#existingContext(requesterId), (requesterId & 0x7f) * ContextEntry.WORDS));
    const address = addressOf(Low.directory.get(entry));
    return { address, words: this.memory.at(address) };
  }
}
