// The memory the remapping tables live in: blocks at addresses, so that entries point to each other as hardware's do.
import { fail, IdAllocator, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';

/** Blocks start this far apart: room for the largest table, a directory of 16384 entries of 8 bytes. */
const BLOCK = 0x20000;
/** Addresses stay below 4 GiB, so that the upper words of all pointers are 0. */
const BLOCKS = 0x100000000 / BLOCK;

export class TableMemory {
  readonly #state: StatePort;
  readonly #name: string;
  readonly #blocks: IdAllocator;
  readonly #words: Map<number, Uint32Array>;

  constructor(state: StatePort, name: string) {
    this.#state = state;
    this.#name = name;
    this.#blocks = new IdAllocator(state, `${name}/pages`, { first: 1, end: BLOCKS });
    this.#words = state.map(`${name}/page-words`);
  }

  /** Tables that are there. */
  get used(): number {
    return this.#blocks.used;
  }

  /** A zeroed table of `words` 32-bit words, at the address given back. `ENOMEM`. */
  alloc(words: number): Result<number, 'ENOMEM'> {
    if (words * 4 > BLOCK) throw new ModelError(`${this.#name}: no table has ${words} words`);
    const block = this.#blocks.alloc();
    if (!block.ok) return fail('ENOMEM', `${this.#name}: no memory for a remapping table`);
    const address = block.value * BLOCK;
    if (words > 0) this.#words.set(address, this.#state.words(`${this.#name}/page${block.value}`, words));
    return ok(address);
  }

  free(address: number): void {
    this.#words.delete(address);
    this.#blocks.free(address / BLOCK);
  }

  /** The table at `address`. Throws {@link ModelError} when there is none: entries are written by this package alone. */
  at(address: number): Uint32Array {
    const words = this.#words.get(address);
    if (words === undefined) throw new ModelError(`${this.#name}: no remapping table is at 0x${address.toString(16)}`);
    return words;
  }
}

/** Bits 31:12 of the address of a table, as entries hold it. */
export function pageOf(address: number): number {
  return address >>> 12;
}

/** The address whose bits 31:12 are `page`. */
export function addressOf(page: number): number {
  return (page << 12) >>> 0;
}
