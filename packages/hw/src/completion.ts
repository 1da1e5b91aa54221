// The end of a descriptor: record, software error, interrupt, in this order (DSA spec 3.0 §3.6, §3.7, §3.9, §5.8.1).
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, DESCRIPTOR_FLAG, EVENT_LOG_STATUS } from '@siov/datasheet';
import { errorOf, recordOf, wantsRecord } from './completion-report.ts';
import type { ErrorReports } from './error-reports.ts';
import type { InFlight } from './in-flight.ts';
import type { InterruptDelivery, InterruptEntry } from './interrupt-delivery.ts';
import type { InterruptPermission } from './interrupt-permission.ts';
import type { DmaPort } from './ports.ts';
import type { Outcome, Work } from './work.ts';

const writingRecord = point('device', 'completion record');
const interrupting = point('device', 'completion interrupt');

const { SUCCESS, FALSE_PREDICATE, BATCH_MEMBER_FAILED, INTERRUPT_HANDLE, RECORD_FAULT, RECORD_ALIGNMENT, PRIVILEGE } = COMPLETION_STATUS;
/** Without a place for a record these go unsaid; everything else is a software error then. */
const QUIET: ReadonlySet<number> = new Set([SUCCESS, FALSE_PREDICATE, BATCH_MEMBER_FAILED]);
/** Errors about the record or its writer, which are never written to memory. */
const NEVER_IN_MEMORY: ReadonlySet<number> = new Set([RECORD_FAULT, RECORD_ALIGNMENT, PRIVILEGE]);
/** The second half of the record is written before the first, whose first byte software polls. */
const RECORD_REST = 8;

/** `abandoned`: a reset or an abort came, nothing more happens. `logged`: its record is in the event log. */
export type Ended = 'abandoned' | 'told' | 'logged';

interface CompletionParts {
  readonly dma: DmaPort;
  readonly reports: ErrorReports;
  readonly interrupts: InterruptDelivery;
  readonly permission: InterruptPermission;
  readonly inFlight: InFlight;
}

export class Completion {
  readonly #parts: CompletionParts;

  constructor(parts: CompletionParts) {
    this.#parts = parts;
  }

  /** `interrupt`: the entry to use, or undefined for none. */
  *finish(work: Work, outcome: Outcome, interrupt: InterruptEntry | undefined): Steps<Ended> {
    const { inFlight, reports } = this.#parts;
    // From here on an abort comes too late: record and interrupt both come.
    if (inFlight.stopped(work.engine)) return 'abandoned';
    if (outcome.membersLogged === true && reports.logged) return yield* this.#finishInLog(work, outcome, interrupt);
    const told = recordWanted(work, outcome) ? yield* this.#writeRecord(work, outcome) : outcome;
    if (told === 'reset' || inFlight.stoppedForGood(work.engine)) return 'abandoned';
    const logged = softwareError(work, told) ? yield* this.#report(work, told, outcome) : false;
    // A record that could not be written is software's to make good, interrupt included (DSA spec 3.0 §5.9).
    if (interrupt !== undefined && told.status !== RECORD_FAULT) {
      yield interrupting;
      if (inFlight.stoppedForGood(work.engine)) return 'abandoned';
      yield* this.#interrupt(work, interrupt);
    }
    return logged && told.status === RECORD_FAULT ? 'logged' : 'told';
  }

  /**
   * Software completes members of this batch from the log: the batch itself must not be seen to end before (DSA spec 3.0
   * §5.9; that any member's record in the log makes it so is inferred).
   */
  *#finishInLog(work: Work, outcome: Outcome, interrupt: InterruptEntry | undefined): Steps<Ended> {
    if (!recordWanted(work, outcome) && interrupt === undefined) return 'told';
    const fault = { address: work.descriptor.completionRecord, write: false };
    return (yield* this.#report(work, { status: EVENT_LOG_STATUS.BATCH, fault }, outcome)) ? 'logged' : 'told';
  }

  *#interrupt(work: Work, entry: InterruptEntry): Steps<void> {
    const { permission, interrupts } = this.#parts;
    if (permission.stillPermits(entry, work.submitter.pasid)) interrupts.completion(entry);
    // Its record is written, there is nothing to make good.
    else yield* this.#report(work, { status: INTERRUPT_HANDLE }, undefined);
  }

  /** The outcome as it is known after the write: that of the operation, or that its record could not be written. */
  *#writeRecord(work: Work, outcome: Outcome): Steps<Outcome | 'reset'> {
    const { dma, inFlight } = this.#parts;
    const { completionRecord } = work.descriptor;
    if (completionRecord % 32n !== 0n) return { status: RECORD_ALIGNMENT };
    const bytes = recordOf(outcome);
    for (const [from, to] of [[RECORD_REST, bytes.length], [0, RECORD_REST]] as const) {
      yield writingRecord;
      if (inFlight.stoppedForGood(work.engine)) return 'reset';
      const address = BigInt.asUintN(64, completionRecord + BigInt(from));
      const written = yield* dma.write(work.submitter.pasid, address, bytes.subarray(from, to), work.submitter.priv);
      if (!written.ok) return { status: RECORD_FAULT, fault: { address: completionRecord, write: true } };
    }
    return outcome;
  }

  /** True: it is in the event log. */
  *#report(work: Work, told: Outcome, owed: Outcome | undefined): Steps<boolean> {
    const { inFlight, reports } = this.#parts;
    const reporter = { gone: () => inFlight.stoppedForGood(work.engine), hurried: () => inFlight.stopped(work.engine) };
    return yield* reports.report(errorOf(work, told, owed), reporter);
  }
}

/** On success only when asked for, on failure always when there is a place for it. */
function recordWanted(work: Work, { status }: Outcome): boolean {
  const { flags } = work.descriptor;
  if (NEVER_IN_MEMORY.has(status) || (flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) === 0) return false;
  return status !== SUCCESS || wantsRecord(work);
}

/** A refused interrupt handle is told twice: software may be waiting for the interrupt, not for the record. */
function softwareError({ descriptor: { flags } }: Work, { status }: Outcome): boolean {
  if (NEVER_IN_MEMORY.has(status) || status === INTERRUPT_HANDLE) return true;
  return (flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) === 0 && !QUIET.has(status);
}
