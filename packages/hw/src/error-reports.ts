// Where an error goes that no completion record tells: to the event log while that is in use, to SWERROR otherwise
// (DSA spec 3.0 §5.8.1, §5.9). Errors that are SWERROR's whatever is in use go there directly: settings changed, a full queue.
import type { Steps } from '@siov/base';
import { COMPLETION_RECORD_SIZE, COMPLETION_STATUS, encodeEventLogEntry, EVENT_LOG_STATUS, EventLogEntry0, EventLogEntry1, SOFTWARE_ERROR } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { EventLog, Reporter } from './event-log.ts';
import { whoAndWhat } from './software-errors.ts';
import type { SoftwareError, SoftwareErrors } from './software-errors.ts';

/** What only an entry of the log has room for. */
export interface LoggedError extends SoftwareError {
  readonly batchId?: number;
  /** The image of the completion record, for errors about the record, the interrupt or their order. */
  readonly record?: Uint8Array;
}

const ABOUT_COMPLETION: ReadonlySet<number> = new Set([
  COMPLETION_STATUS.INTERRUPT_HANDLE, COMPLETION_STATUS.RECORD_FAULT, EVENT_LOG_STATUS.DRAIN, EVENT_LOG_STATUS.BATCH,
]);

export class ErrorReports {
  readonly #registers: DeviceRegisters;
  readonly #errors: SoftwareErrors;
  readonly #log: EventLog;

  constructor(parts: { registers: DeviceRegisters; errors: SoftwareErrors; log: EventLog }) {
    this.#registers = parts.registers;
    this.#errors = parts.errors;
    this.#log = parts.log;
  }

  /** They go to the event log now. */
  get logged(): boolean {
    return this.#log.inUse;
  }

  /** Returns when the error is where it belongs. True: in the event log. */
  *report(error: LoggedError, reporter: Reporter): Steps<boolean> {
    const alive = () => !reporter.gone();
    if (this.#log.inUse) {
      const appended = yield* this.#log.append(encode(error, this.#registers.layout.eventLogEntrySize), reporter);
      if (appended === 'lost') yield* this.#errors.report({ error: SOFTWARE_ERROR.EVENT_LOG_FULL }, alive);
      if (appended !== 'closed') return appended === 'written';
    }
    yield* this.#errors.report(error, alive);
    return false;
  }
}

function encode(logged: LoggedError, size: number): Uint8Array {
  const { error, batchIndex, batchId, invalidFlags, handle, fault, record } = logged;
  const info = ABOUT_COMPLETION.has(error) ? handle : invalidFlags;
  const word0 = EventLogEntry0.of({
    ...whoAndWhat(logged),
    batchId: batchId ?? 0,
    errorInfoValid: info === undefined ? 0 : 1,
  });
  const word1 = EventLogEntry1.of({ batchIndex: batchIndex ?? 0, errorInfo: info ?? 0 });
  const image = ABOUT_COMPLETION.has(error) ? record : undefined;
  return encodeEventLogEntry({ word0, word1, address: fault?.address ?? 0n, record: image ?? new Uint8Array(COMPLETION_RECORD_SIZE) }, size);
}
