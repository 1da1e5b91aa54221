// Status codes: how an operation ended (completion record, DSA spec 3.0 table 5-6) and errors that have no completion
// record (SWERROR, table 5-7).

/** Completion record status, bits 5:0. */
export const COMPLETION_STATUS = {
  SUCCESS: 0x01, FALSE_PREDICATE: 0x02, PAGE_FAULT: 0x03, PAGE_REQUEST_REJECTED: 0x04, BATCH_MEMBER_FAILED: 0x05, BATCH_LIST_FAULT: 0x06,
  DELTA_OFFSET_ORDER: 0x07, DELTA_OFFSET_RANGE: 0x08, DIF_ERROR: 0x09,
  UNSUPPORTED_OPERATION: 0x10, INVALID_FLAGS: 0x11, RESERVED_FIELD: 0x12, TRANSFER_SIZE: 0x13, DESCRIPTOR_COUNT: 0x14,
  UNSUPPORTED_VALUE: 0x15, OVERLAPPING_BUFFERS: 0x16, DUALCAST_ALIGNMENT: 0x17, LIST_ALIGNMENT: 0x18, INTERRUPT_HANDLE: 0x19,
  RECORD_FAULT: 0x1a, RECORD_ALIGNMENT: 0x1b, ADDRESS_ALIGNMENT: 0x1c, PRIVILEGE: 0x1d, TRAFFIC_CLASS: 0x1e, READBACK_FAULT: 0x1f,
  HARDWARE_READ: 0x20, HARDWARE_WRITE: 0x21, HARDWARE_TRANSLATION: 0x22,
} as const;
export type CompletionStatus = (typeof COMPLETION_STATUS)[keyof typeof COMPLETION_STATUS];

/** SWERROR.error beyond the completion status codes. */
export const SOFTWARE_ERROR = {
  /** Bus master, ATS, PASID or PRI enable changed while the device was not Disabled; it is in Halt state now. */
  CONFIG_CHANGED: 0x51,
  /** CMD was written while a command was active; the write is lost. */
  COMMAND_OVERLAP: 0x52,
  /** A descriptor came to a dedicated queue that was full, and is lost. */
  QUEUE_FULL: 0x53,
  EVENT_LOG_FULL: 0x54,
} as const;

/** Errors that only the event log has: completions that come after one that went there, and go there themselves. */
export const EVENT_LOG_STATUS = { DRAIN: 0x26, BATCH: 0x27 } as const;

const STATUS_NAME = new Map<number, string>([...Object.entries(COMPLETION_STATUS), ...Object.entries(SOFTWARE_ERROR)].map(([name, code]) => [code, name]));

/** `INTERRUPT_HANDLE` for 0x19: for traces and messages. */
export function statusName(code: number): string {
  return STATUS_NAME.get(code) ?? `0x${code.toString(16)}`;
}
