// Every write to the message store: which words, by which layer, in the middle of what.
import type { AccessPort, StatePort } from '@siov/base';
import { IMS_ENTRY_SIZE, ImsEntry } from '@siov/datasheet';
import type { OperationHistory } from './operation-history.ts';

export interface EntryWrite {
  readonly slot: number;
  /** Byte offset in the entry. */
  readonly at: number;
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  readonly value: number | bigint;
  /** Whose code wrote. */
  readonly layer: string;
  /** What the irq chip of the store was asked to do; null outside of it. */
  readonly operation: string | null;
}

export interface WrongWrite extends EntryWrite {
  readonly why: string;
}

/** What is wrong with a write; null: nothing. */
export type Judge = (write: EntryWrite) => string | null;

export class EntryWrites {
  readonly list: EntryWrite[] = [];
  /** Writes that were found wrong when they were made. */
  readonly #wrong: { list: readonly WrongWrite[] };
  readonly #judge: Judge;
  readonly #operations: OperationHistory;
  readonly #table: { readonly offset: number; readonly size: number };

  /** `table`: bytes from the BAR's start to the store, and its entries. */
  constructor(state: StatePort, operations: OperationHistory, table: { readonly offset: number; readonly size: number }, judge: Judge) {
    this.#wrong = state.record('history/writes', { list: [] as readonly WrongWrite[] });
    this.#judge = judge;
    this.#operations = operations;
    this.#table = table;
  }

  get wrong(): readonly WrongWrite[] {
    return this.#wrong.list;
  }

  tap(port: AccessPort): AccessPort {
    const record = (offset: number, size: number, value: number | bigint) => this.#record(offset, size, value);
    return {
      read: (offset, size) => port.read(offset, size),
      read64: (offset) => port.read64(offset),
      *write(offset, size, value) {
        record(offset, size, value);
        yield* port.write(offset, size, value);
      },
      *write64(offset, value) {
        record(offset, 8, value);
        yield* port.write64(offset, value);
      },
    };
  }

  #record(offset: number, size: number, value: number | bigint): void {
    const from = offset - this.#table.offset;
    if (from + size <= 0 || from >= this.#table.size * IMS_ENTRY_SIZE) return;
    const operations = this.#operations;
    const write = { slot: Math.floor(from / IMS_ENTRY_SIZE), at: from % IMS_ENTRY_SIZE, size, value, layer: operations.layer, operation: operations.operationIn('ims') };
    this.list.push(write);
    const why = this.#judge(write);
    if (why !== null) this.#wrong.list = [...this.#wrong.list, { ...write, why }];
  }
}

/** The control word, wholly. */
export function isControl({ at, size }: EntryWrite): boolean {
  return at === ImsEntry.Control.offset && size === 4;
}
