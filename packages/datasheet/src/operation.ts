// Operations: codes, the flags each allows, the bytes each reserves (DSA spec 3.0 §8.3, tables 5-3 to 5-5).
import { DESCRIPTOR_FLAG } from './descriptor.ts';

export const OPCODE = {
  NOOP: 0x00, BATCH: 0x01, DRAIN: 0x02, MEMMOVE: 0x03, FILL: 0x04, COMPARE: 0x05, COMPARE_PATTERN: 0x06, CREATE_DELTA: 0x07,
  APPLY_DELTA: 0x08, DUALCAST: 0x09, TRANSLATION_FETCH: 0x0a, CRC: 0x10, COPY_CRC: 0x11, DIF_CHECK: 0x12, DIF_INSERT: 0x13,
  DIF_STRIP: 0x14, DIF_UPDATE: 0x15, DIX_GENERATE: 0x17, CACHE_FLUSH: 0x20, UPDATE_WINDOW: 0x21,
} as const;

/** What the device checks of a descriptor before it executes it. */
export interface Operation {
  readonly name: string;
  /** Flags that may be set beside those every operation allows. */
  readonly flags: number;
  /** Flags that must all be set. */
  readonly requires: number;
  /** Bytes that must be zero: first and last of each range. */
  readonly reserved: readonly (readonly [first: number, last: number])[];
}

const F = DESCRIPTOR_FLAG;
const RECORD = F.COMPLETION_RECORD_ADDRESS_VALID | F.REQUEST_COMPLETION_RECORD;
const MOVE = F.BLOCK_ON_FAULT | F.CACHE_CONTROL | F.STRICT_ORDERING | F.DESTINATION_READBACK;
const TC1 = F.ADDRESS1_TC;
const TC2 = F.ADDRESS2_TC;
const TC3 = F.ADDRESS3_TC;

const operation = (name: string, flags: number, reserved: Operation['reserved'], requires = 0): Operation =>
  Object.freeze({ name, flags, requires, reserved });

/** By operation code. Drain needs a completion record or an interrupt, which one flag mask cannot say: see DSA spec 3.0 §8.3. */
export const OPERATIONS: ReadonlyMap<number, Operation> = new Map([
  [OPCODE.NOOP, operation('No-op', 0, [[16, 35], [38, 63]])],
  [OPCODE.BATCH, operation('Batch', TC1, [[24, 31], [38, 63]])],
  [OPCODE.DRAIN, operation('Drain', TC1 | TC2, [[32, 35], [38, 63]])],
  [OPCODE.MEMMOVE, operation('Memory move', MOVE | TC1 | TC2, [[38, 63]])],
  [OPCODE.FILL, operation('Fill', MOVE | TC2, [[38, 63]])],
  [OPCODE.COMPARE, operation('Compare', F.BLOCK_ON_FAULT | F.CHECK_RESULT | TC1 | TC2, [[38, 39], [41, 63]], RECORD)],
  [OPCODE.COMPARE_PATTERN, operation('Compare pattern', F.BLOCK_ON_FAULT | F.CHECK_RESULT | TC1, [[38, 39], [41, 63]], RECORD)],
  [OPCODE.CREATE_DELTA, operation('Create delta record', MOVE | F.CHECK_RESULT | TC1 | TC2 | TC3, [[38, 39], [52, 55], [57, 63]], RECORD)],
  [OPCODE.APPLY_DELTA, operation('Apply delta record', MOVE | TC1 | TC2, [[38, 39], [44, 63]])],
  [OPCODE.DUALCAST, operation('Copy with dualcast', MOVE | TC1 | TC2 | TC3, [[38, 39], [48, 63]])],
  [OPCODE.TRANSLATION_FETCH, operation('Translation fetch', F.BLOCK_ON_FAULT, [[24, 31], [38, 47], [52, 63]])],
  [OPCODE.CRC, operation('CRC generation', F.BLOCK_ON_FAULT | TC1 | TC3, [[24, 31], [38, 39], [44, 63]], RECORD)],
  [OPCODE.COPY_CRC, operation('Copy with CRC generation', MOVE | TC1 | TC2 | TC3, [[38, 39], [44, 63]], RECORD)],
  [OPCODE.DIF_CHECK, operation('DIF check', F.BLOCK_ON_FAULT | TC1, [[24, 31], [38, 39], [41, 41], [43, 47], [56, 63]], RECORD)],
  [OPCODE.DIF_INSERT, operation('DIF insert', MOVE | TC1 | TC2, [[38, 40], [43, 55]])],
  [OPCODE.DIF_STRIP, operation('DIF strip', MOVE | TC1 | TC2, [[38, 39], [41, 41], [43, 47], [56, 63]])],
  [OPCODE.DIF_UPDATE, operation('DIF update', MOVE | TC1 | TC2, [[38, 39], [43, 47]])],
  [OPCODE.DIX_GENERATE, operation('DIX generate', MOVE | TC1 | TC2, [[38, 40], [43, 55]])],
  [OPCODE.CACHE_FLUSH, operation('Cache flush', F.CACHE_CONTROL | F.STRICT_ORDERING | TC2, [[16, 23], [38, 63]])],
  [OPCODE.UPDATE_WINDOW, operation('Update window', 0, [[32, 35], [38, 60]])],
]);
