// The end of a descriptor: record, software error, interrupt, in this order (DSA spec 3.0 §3.6, §3.7, §3.9, §5.8.1).
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, DESCRIPTOR_FLAG, encodeCompletionRecord } from '@siov/datasheet';
import type { InFlight } from './in-flight.ts';
import type { InterruptDelivery, InterruptEntry } from './interrupt-delivery.ts';
import type { InterruptPermission } from './interrupt-permission.ts';
import type { DmaPort } from './ports.ts';
import type { SoftwareErrors } from './software-errors.ts';
import type { Outcome, Work } from './work.ts';

const writingRecord = point('device', 'completion record');
const interrupting = point('device', 'completion interrupt');

const { SUCCESS, FALSE_PREDICATE, BATCH_MEMBER_FAILED, INTERRUPT_HANDLE, RECORD_FAULT, RECORD_ALIGNMENT, PRIVILEGE, INVALID_FLAGS } = COMPLETION_STATUS;
/** Without a place for a record these go unsaid; everything else is a software error then. */
const QUIET: ReadonlySet<number> = new Set([SUCCESS, FALSE_PREDICATE, BATCH_MEMBER_FAILED]);
/** Errors about the record or its writer, which are never written to memory. */
const NEVER_IN_MEMORY: ReadonlySet<number> = new Set([RECORD_FAULT, RECORD_ALIGNMENT, PRIVILEGE]);
/** The second half of the record is written before the first, whose first byte software polls. */
const RECORD_REST = 8;

interface CompletionParts {
  readonly dma: DmaPort;
  readonly errors: SoftwareErrors;
  readonly interrupts: InterruptDelivery;
  readonly permission: InterruptPermission;
  readonly inFlight: InFlight;
}

export class Completion {
  readonly #parts: CompletionParts;

  constructor(parts: CompletionParts) {
    this.#parts = parts;
  }

  /** `interrupt`: the entry to use, or undefined for none. False when a reset got in between: nothing more happens. */
  *finish(work: Work, outcome: Outcome, interrupt: InterruptEntry | undefined): Steps<boolean> {
    const { inFlight } = this.#parts;
    // From here on an abort comes too late: record and interrupt both come.
    if (inFlight.stopped(work.engine)) return false;
    const told = recordWanted(work, outcome) ? yield* this.#writeRecord(work, outcome) : outcome;
    if (told === 'reset' || inFlight.stoppedForGood(work.engine)) return false;
    if (softwareError(work, told)) yield* this.#report(work, told);
    // A record that could not be written is software's to make good, interrupt included (DSA spec 3.0 §5.9).
    if (interrupt !== undefined && told.status !== RECORD_FAULT) {
      yield interrupting;
      if (inFlight.stoppedForGood(work.engine)) return false;
      yield* this.#interrupt(work, interrupt);
    }
    return true;
  }

  *#interrupt(work: Work, entry: InterruptEntry): Steps<void> {
    const { permission, interrupts } = this.#parts;
    if (permission.stillPermits(entry, work.submitter.pasid)) interrupts.completion(entry);
    else yield* this.#report(work, { status: INTERRUPT_HANDLE });
  }

  /** The outcome as it is known after the write: that of the operation, or that its record could not be written. */
  *#writeRecord(work: Work, outcome: Outcome): Steps<Outcome | 'reset'> {
    const { dma, inFlight } = this.#parts;
    const { completionRecord } = work.descriptor;
    if (completionRecord % 32n !== 0n) return { status: RECORD_ALIGNMENT };
    const bytes = encodeCompletionRecord({
      status: outcome.status,
      result: outcome.result ?? 0,
      completed: outcome.completed ?? 0,
      invalidFlags: outcome.invalidFlags ?? 0,
      faultAddress: outcome.fault?.address ?? 0n,
      faultWrite: outcome.fault?.write ?? false,
    });
    for (const [from, to] of [[RECORD_REST, bytes.length], [0, RECORD_REST]] as const) {
      yield writingRecord;
      if (inFlight.stoppedForGood(work.engine)) return 'reset';
      const address = BigInt.asUintN(64, completionRecord + BigInt(from));
      const written = yield* dma.write(work.submitter.pasid, address, bytes.subarray(from, to));
      if (!written.ok) return { status: RECORD_FAULT, fault: { address: completionRecord, write: true } };
    }
    return outcome;
  }

  *#report({ wq, submitter, descriptor, batchIndex, ims }: Work, { status, invalidFlags, fault }: Outcome): Steps<void> {
    const info = status === INTERRUPT_HANDLE ? handleInfo(descriptor.interruptHandle, ims, descriptor.flags) : status === INVALID_FLAGS ? invalidFlags : undefined;
    yield* this.#parts.errors.report({
      error: status,
      wq,
      descriptor: { operation: descriptor.opcode, pasid: submitter.pasid, priv: submitter.priv },
      ...(batchIndex === undefined ? {} : { batchIndex }),
      ...(info === undefined ? {} : { info }),
      ...(fault === undefined ? {} : { fault }),
    });
  }
}

/** The handle, and how it was to be used, as the event log has it too (DSA spec 3.0 §5.9). */
function handleInfo(handle: number, ims: boolean, flags: number): number {
  const interrupt = (flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT) !== 0 ? 1 << 16 : 0;
  const record = (flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) !== 0 ? 1 << 18 : 0;
  return handle | interrupt | (ims ? 1 << 17 : 0) | record;
}

/** On success only when asked for, on failure always when there is a place for it. */
function recordWanted({ descriptor: { flags } }: Work, { status }: Outcome): boolean {
  if (NEVER_IN_MEMORY.has(status) || (flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) === 0) return false;
  return status !== SUCCESS || (flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD) !== 0;
}

/** A refused interrupt handle is told twice: software may be waiting for the interrupt, not for the record. */
function softwareError({ descriptor: { flags } }: Work, { status }: Outcome): boolean {
  if (NEVER_IN_MEMORY.has(status) || status === INTERRUPT_HANDLE) return true;
  return (flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) === 0 && !QUIET.has(status);
}
