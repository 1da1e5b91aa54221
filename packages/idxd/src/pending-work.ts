// Descriptors the host kernel has submitted and waits for: a completion record each, looked at when the interrupt comes
// (struct idxd_desc, the pending list of struct idxd_irq_entry and idxd_wq_thread() of drivers/dma/idxd; from memory of the
// kernel source, not looked up).
import { IdAllocator, point } from '@siov/base';
import type { Memory, Result, StatePort, Steps } from '@siov/base';
import { COMPLETION_RECORD_SIZE, decodeCompletionRecord } from '@siov/datasheet';
import type { CompletionRecord } from '@siov/datasheet';

/** Kernel memory for completion records: `iova` is where the function finds its first byte, a multiple of 32. */
export interface RecordMemory {
  readonly iova: bigint;
  readonly memory: Memory;
}

/** null: the queue went away before it was done. */
export type Completed = (record: CompletionRecord | null) => void;

const look = point('memory', 'look at a completion record');
const NO_RECORD = new Uint8Array(COMPLETION_RECORD_SIZE);

export class PendingWork {
  readonly #records: RecordMemory;
  readonly #ids: IdAllocator;
  readonly #waiting: Map<number, Completed>;

  /** `depth`: descriptors at a time; `records` has room for as many. */
  constructor(state: StatePort, name: string, records: RecordMemory, depth: number) {
    this.#records = records;
    this.#ids = new IdAllocator(state, `${name}/descriptors`, { first: 0, end: depth });
    this.#waiting = state.map(`${name}/pending`);
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Room for one more, its record empty, waited for from now on. `ENOSPC`: none is left. */
  begin(completed: Completed): Result<number, 'ENOSPC'> {
    const id = this.#ids.alloc();
    if (!id.ok) return id;
    this.#records.memory.write(this.#at(id.value), NO_RECORD);
    this.#waiting.set(id.value, completed);
    return id;
  }

  /** Bus address of its completion record. */
  recordOf(id: number): bigint {
    return this.#records.iova + BigInt(this.#at(id));
  }

  /** The device did not take it: nobody is told. */
  cancel(id: number): void {
    this.#waiting.delete(id);
    this.#ids.free(id);
  }

  /** Whoever waits for a descriptor that is done is told. True: there was one. */
  *walk(): Steps<boolean> {
    let found = false;
    for (const [id, completed] of this.#waiting) {
      yield look;
      const record = this.#record(id);
      if (record.status === 0) continue;
      found = true;
      this.cancel(id);
      completed(record);
    }
    return found;
  }

  /** idxd_flush_pending_descs(): what is not done now will not be. */
  *flush(): Steps<void> {
    yield* this.walk();
    for (const [id, completed] of this.#waiting) {
      this.cancel(id);
      completed(null);
    }
  }

  #record(id: number): CompletionRecord {
    const bytes = new Uint8Array(COMPLETION_RECORD_SIZE);
    this.#records.memory.read(this.#at(id), bytes);
    return decodeCompletionRecord(bytes);
  }

  #at(id: number): number {
    return id * COMPLETION_RECORD_SIZE;
  }
}
