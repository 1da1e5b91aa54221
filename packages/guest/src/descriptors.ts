// Descriptors that are waited for: each has a completion record, and is on a list until the record says how it ended
// (drivers/dma/idxd/submit.c and idxd_wq_thread() in irq.c; the lists from memory of the kernel source, not looked up).
import { fail, ModelError, ok, point, waitUntil } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMPLETION_RECORD_SIZE, COMPLETION_STATUS, decodeCompletionRecord, DESCRIPTOR_FLAG, statusName } from '@siov/datasheet';
import type { CompletionRecord, Descriptor } from '@siov/datasheet';
import type { DmaBuffer } from './dma-memory.ts';
import type { DriverParts } from './parts.ts';
import type { QueuePortal, SubmitErrno } from './portal.ts';
import type { QueueInterrupt } from './queue-interrupt.ts';

/** What a client says of a descriptor; record, handle and PASID are the driver's. */
export type WorkRequest = Partial<Omit<Descriptor, 'completionRecord' | 'interruptHandle' | 'pasid'>>;

/** How a descriptor ended. Aborted (IDXD_COMP_DESC_ABORT): its queue or device went away before the device was done. */
export type Outcome = { readonly aborted: true } | { readonly aborted: false; readonly record: CompletionRecord };

/** Names a descriptor that was started. */
export interface InFlight {
  /** Number of its record. */
  readonly index: number;
}

interface Tracked {
  readonly inFlight: InFlight;
  readonly request: WorkRequest;
  readonly outcome: Outcome | null;
  /** Takes the outcome; null: {@link QueueDescriptors.wait} does. */
  readonly onComplete: ((outcome: Outcome) => void) | null;
}

interface ListState {
  /** pending_llist: what was submitted since the thread looked, last first. */
  pending: readonly number[];
  /** work_list: what the thread has found not done. */
  work: readonly number[];
  buffer: DmaBuffer | null;
}

const { COMPLETION_RECORD_ADDRESS_VALID, REQUEST_COMPLETION_RECORD, REQUEST_COMPLETION_INTERRUPT } = DESCRIPTOR_FLAG;
const FLAGS = COMPLETION_RECORD_ADDRESS_VALID | REQUEST_COMPLETION_RECORD | REQUEST_COMPLETION_INTERRUPT;
const NO_RECORD = new Uint8Array(COMPLETION_RECORD_SIZE);
const recordRead = point('memory', 'completion record');

export class QueueDescriptors {
  readonly #parts: DriverParts;
  readonly #name: string;
  readonly #count: number;
  readonly #portal: QueuePortal;
  readonly #interrupt: QueueInterrupt;
  readonly #lists: ListState;
  readonly #tracked: Map<number, Tracked>;

  /** `count`: how many can be in flight. */
  constructor(parts: DriverParts, wq: number, { count, portal, interrupt }: { readonly count: number; readonly portal: QueuePortal; readonly interrupt: QueueInterrupt }) {
    const { state } = parts.core.ports;
    const name = `guest/${parts.device.name}/wq${wq}`;
    this.#parts = parts;
    this.#name = `${parts.device.name}, work queue ${wq}`;
    this.#count = count;
    this.#portal = portal;
    this.#interrupt = interrupt;
    this.#lists = state.record<ListState>(`${name}/lists`, { pending: [], work: [], buffer: null });
    this.#tracked = state.map(`${name}/descs`);
  }

  /** idxd_wq_alloc_resources(). Nothing where the driver has no memory for records: then none are waited for. */
  setUp(): Result<void, 'ENOMEM'> {
    const { dma } = this.#parts;
    if (dma === null) return ok();
    const buffer = dma.alloc(Math.max(1, this.#count) * COMPLETION_RECORD_SIZE);
    if (!buffer.ok) return buffer;
    this.#tracked.clear();
    this.#lists.buffer = buffer.value;
    return ok();
  }

  tearDown(): void {
    const { buffer } = this.#lists;
    this.#lists.buffer = null;
    if (buffer !== null) this.#parts.dma?.free(buffer);
  }

  /** idxd_alloc_desc(), which waits for a free one, and idxd_submit_desc(). */
  *start(request: WorkRequest, onComplete: Tracked['onComplete'] = null): Steps<Result<InFlight, SubmitErrno>> {
    if (this.#parts.dma === null) throw new ModelError(`${this.#name}: the driver was given no memory for completion records`);
    const lists = this.#lists;
    if (lists.buffer !== null && this.#free() === undefined) yield* waitUntil(`${this.#name}: a descriptor`, () => lists.buffer === null || this.#free() !== undefined);
    const index = this.#free();
    if (lists.buffer === null || index === undefined) return fail('ENXIO', `${this.#name} is not enabled for the kernel`);
    const inFlight = { index };
    this.#tracked.set(index, { inFlight, request, outcome: null, onComplete });
    lists.buffer.memory.write(index * COMPLETION_RECORD_SIZE, NO_RECORD);
    const submitted = yield* this.#submit(index);
    if (submitted.ok) return ok(inFlight);
    this.#unlist(index);
    this.#tracked.delete(index);
    return submitted;
  }

  /** How it ended, once it has; its place is free from then on. Aborted also when the queue was enabled anew meanwhile. */
  *outcome(inFlight: InFlight): Steps<Outcome> {
    const tracked = () => {
      const found = this.#tracked.get(inFlight.index);
      return found?.inFlight === inFlight ? found : undefined;
    };
    yield* waitUntil(`${this.#name}: descriptor ${inFlight.index}`, () => tracked()?.outcome !== null);
    const outcome = tracked()?.outcome ?? { aborted: true };
    if (tracked() !== undefined) this.#tracked.delete(inFlight.index);
    return outcome;
  }

  /** The record. `EIO` names the error; `ENXIO`: aborted. A comparison that came out otherwise than expected is no error. */
  *wait(inFlight: InFlight): Steps<Result<CompletionRecord, 'EIO' | 'ENXIO'>> {
    const outcome = yield* this.outcome(inFlight);
    if (outcome.aborted) return fail('ENXIO', `${this.#name}: descriptor ${inFlight.index} was aborted`);
    const { record } = outcome;
    if (record.status === COMPLETION_STATUS.SUCCESS || record.status === COMPLETION_STATUS.FALSE_PREDICATE) return ok(record);
    return fail('EIO', `${this.#name}: descriptor ${inFlight.index} ended with ${statusName(record.status)}`);
  }

  /** idxd_wq_thread(): what is known not to be done first, then what has come since. */
  *collect(): Steps<void> {
    for (const index of this.#lists.work) yield* this.#look(index);
    for (const index of this.#lists.pending) yield* this.#look(index);
  }

  /** idxd_flush_pending_descs(): nobody will look again, and what has no record by now gets none. */
  *flush(): Steps<void> {
    const { work, pending } = this.#lists;
    this.#lists.work = [];
    this.#lists.pending = [];
    for (const index of [...work, ...pending]) {
      const record = yield* this.#read(index);
      this.#complete(index, record === null ? { aborted: true } : { aborted: false, record });
    }
  }

  /** idxd_abort_invalid_int_handle_descs(): there is no handle to submit them with once more. */
  *abortRevoked(): Steps<void> {
    for (const index of [...this.#lists.work, ...this.#lists.pending]) {
      const record = yield* this.#read(index);
      if (record?.status !== COMPLETION_STATUS.INTERRUPT_HANDLE || !this.#isListed(index)) continue;
      this.#unlist(index);
      this.#complete(index, { aborted: true });
    }
  }

  *#look(index: number): Steps<void> {
    const record = yield* this.#read(index);
    // Submitting it may have failed meanwhile.
    if (!this.#isListed(index)) return;
    this.#unlist(index);
    if (record === null) this.#lists.work = [...this.#lists.work, index];
    else if (!this.#resubmits(index, record)) this.#complete(index, { aborted: false, record });
  }

  /** null: not written yet. */
  *#read(index: number): Steps<CompletionRecord | null> {
    yield recordRead;
    const bytes = NO_RECORD.slice();
    this.#lists.buffer?.memory.read(index * COMPLETION_RECORD_SIZE, bytes);
    return bytes[0] === 0 ? null : decodeCompletionRecord(bytes);
  }

  /**
   * idxd_queue_int_handle_resubmit(): the handle was revoked while the descriptor was on its way. By a worker: submitting may
   * have to wait for the new one.
   */
  #resubmits(index: number, { status }: CompletionRecord): boolean {
    const { core, device, capabilities } = this.#parts;
    if (status !== COMPLETION_STATUS.INTERRUPT_HANDLE || !capabilities.handles) return false;
    if (!core.ports.state.grant('idxd_resubmit')) return false;
    this.#lists.buffer?.memory.write(index * COMPLETION_RECORD_SIZE, NO_RECORD);
    core.ports.spawn({ name: `${core.options.name} kworker/${device.name}-resubmit`, layer: 'guest' }, this.#resubmit(index));
    return true;
  }

  /** idxd_int_handle_resubmit_work(). */
  *#resubmit(index: number): Steps<void> {
    const submitted = yield* this.#submit(index);
    if (submitted.ok) return;
    this.#unlist(index);
    this.#complete(index, { aborted: true });
  }

  /** On the list before it is in the device: the interrupt may come at once. */
  #submit(index: number): Steps<Result<void, SubmitErrno>> {
    return this.#portal.submit(this.#interrupt.ims, () => {
      const { buffer } = this.#lists;
      const request: WorkRequest = this.#tracked.get(index)?.request ?? {};
      this.#lists.pending = [index, ...this.#lists.pending];
      return {
        ...request,
        flags: (request.flags ?? 0) | FLAGS,
        pasid: this.#parts.systemPasid?.pasid ?? 0,
        interruptHandle: this.#interrupt.handle,
        completionRecord: (buffer?.address ?? 0n) + BigInt(index * COMPLETION_RECORD_SIZE),
      };
    });
  }

  #complete(index: number, outcome: Outcome): void {
    const tracked = this.#tracked.get(index);
    if (tracked === undefined) return;
    if (tracked.onComplete === null) {
      this.#tracked.set(index, { ...tracked, outcome });
      return;
    }
    this.#tracked.delete(index);
    tracked.onComplete(outcome);
  }

  #isListed(index: number): boolean {
    return this.#lists.pending.includes(index) || this.#lists.work.includes(index);
  }

  #unlist(index: number): void {
    this.#lists.pending = this.#lists.pending.filter((each) => each !== index);
    this.#lists.work = this.#lists.work.filter((each) => each !== index);
  }

  #free(): number | undefined {
    for (let index = 0; index < this.#count; index++) if (!this.#tracked.has(index)) return index;
    return undefined;
  }
}
