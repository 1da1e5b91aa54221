// What an error says of the descriptor it ended.
import { COMPLETION_STATUS, DESCRIPTOR_FLAG, encodeCompletionRecord, EVENT_LOG_STATUS, HandleInfo } from '@siov/datasheet';
import type { LoggedError } from './error-reports.ts';
import type { Outcome, Work } from './work.ts';

/** The bytes of a descriptor's completion record. */
export function recordOf(outcome: Outcome): Uint8Array {
  return encodeCompletionRecord({
    status: outcome.status,
    result: outcome.result ?? 0,
    completed: outcome.completed ?? 0,
    invalidFlags: outcome.invalidFlags ?? 0,
    faultAddress: outcome.fault?.address ?? 0n,
    faultWrite: outcome.fault?.write ?? false,
  });
}

/** `owed`: the record that the error is about, as it was to be written; undefined when there is none to make good. */
export function errorOf(work: Work, { status, invalidFlags, fault }: Outcome, owed: Outcome | undefined): LoggedError {
  const { wq, submitter, descriptor, batchIndex, engine } = work;
  const hasRecord = owed !== undefined && (descriptor.flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) !== 0;
  const required = hasRecord && (owed.status !== COMPLETION_STATUS.SUCCESS || wantsRecord(work));
  return {
    error: status,
    wq,
    descriptor: { operation: descriptor.opcode, pasid: submitter.pasid, priv: submitter.priv },
    handle: handleInfo(work, required, status === COMPLETION_STATUS.RECORD_FAULT && batchIndex !== undefined && !work.earlierLogged),
    ...(batchIndex === undefined ? {} : { batchIndex }),
    // An engine has one batch at a time.
    ...(batchIndex === undefined && status !== EVENT_LOG_STATUS.BATCH ? {} : { batchId: engine }),
    ...(invalidFlags === undefined ? {} : { invalidFlags }),
    ...(fault === undefined ? {} : { fault }),
    ...(hasRecord ? { record: recordOf(owed) } : {}),
  };
}

/** A record is asked for on success too. */
export function wantsRecord({ descriptor: { flags } }: Work): boolean {
  return (flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD) !== 0;
}

function handleInfo({ descriptor, ims }: Work, recordRequired: boolean, firstInBatch: boolean): typeof HandleInfo.reset {
  return HandleInfo.of({
    handle: descriptor.interruptHandle,
    interruptRequested: (descriptor.flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT) !== 0 ? 1 : 0,
    ims: ims ? 1 : 0,
    recordRequired: recordRequired ? 1 : 0,
    firstErrorInBatch: firstInBatch ? 1 : 0,
  });
}
