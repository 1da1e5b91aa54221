// Commands: what CMD takes and CMDSTATUS answers (DSA spec 3.0 §5.8.3, §9.2.12-14, table 9-5).
import { fail, ok } from '@siov/base';
import type { ImageOf, Result } from '@siov/base';
import { CMD } from './bar0-general.ts';

/** CMD.code. */
export const COMMAND = {
  ENABLE_DEVICE: 1, DISABLE_DEVICE: 2, DRAIN_ALL: 3, ABORT_ALL: 4, RESET_DEVICE: 5, ENABLE_WQ: 6, DISABLE_WQ: 7, DRAIN_WQ: 8,
  ABORT_WQ: 9, RESET_WQ: 10, DRAIN_PASID: 11, ABORT_PASID: 12, REQUEST_INTERRUPT_HANDLE: 13, RELEASE_INTERRUPT_HANDLE: 14,
  REQUEST_IDPT_HANDLE: 15, RELEASE_IDPT_HANDLE: 16, INVALIDATE_SUBMITTER_BITMAP: 17,
} as const;
export type CommandCode = (typeof COMMAND)[keyof typeof COMMAND];

/** The commands of a device without GENCAP.commandCapabilities, in the form of CMDCAP. */
export const COMMANDS_WITHOUT_CMDCAP = 0x1ffe;

/** CMDSTATUS.error. Codes from 0x10 on belong to the commands named with them. */
export const COMMAND_ERROR = {
  SUCCESS: 0x00, UNSUPPORTED_COMMAND: 0x01, INVALID_WQ_INDEX: 0x02, HARDWARE_ERROR: 0x03, RESERVED_FIELD: 0x04, DEVICE_HALTED: 0x05,
  // Enable Device
  DEVICE_NOT_DISABLED: 0x10, CONFIGURATION: 0x11, BUS_MASTER_OFF: 0x12, PRS_ALLOCATION: 0x13, WQ_SIZES: 0x14, GROUP_CONFIG: 0x15,
  GROUP_WQS: 0x16, GROUP_ENGINES: 0x17, READ_BUFFERS: 0x18, EVENT_LOG_CONFIG: 0x19, ATS_SETTING: 0x1a, EVENT_LOG_PASID: 0x1b,
  // Enable WQ
  DEVICE_NOT_ENABLED: 0x20, WQ_NOT_DISABLED: 0x21, WQ_SIZE_ZERO: 0x22, WQ_PRIORITY_ZERO: 0x23, WQ_MODE: 0x24, WQ_BLOCK_ON_FAULT: 0x25,
  WQ_PASID_ENABLE: 0x26, WQ_MAX_BATCH: 0x27, WQ_MAX_TRANSFER: 0x28, WQ_PRIV: 0x2a, WQ_OCCUPANCY_INTERRUPT: 0x2b, WQ_ATS_DISABLE: 0x2c,
  WQ_OPERATIONS: 0x2d, WQ_PRS_DISABLE: 0x2e,
  // Disable Device; Disable, Drain, Abort WQ
  DISABLE_DEVICE_NOT_ENABLED: 0x31, WQ_NOT_ENABLED: 0x32,
  // Request and Release Interrupt Handle
  INTERRUPT_INDEX: 0x41, NO_INTERRUPT_HANDLE: 0x42,
  // Request and Release IDPT Handle
  IDPT_INDEX: 0x51, NO_IDPT_HANDLE: 0x52,
} as const;

/** A write to CMD. `requestInterrupt`: completion sets INTCAUSE.commandCompletion and sends MSI-X vector 0. */
export function command(code: CommandCode, operand = 0, requestInterrupt = true): ImageOf<typeof CMD> {
  return CMD.of({ code, operand, requestInterrupt: requestInterrupt ? 1 : 0 });
}

/** Work queues a command names together come from one block of this many. */
const WQS_PER_OPERAND = 16;

/** The operand of Disable, Drain, Abort and Reset WQ. `EINVAL`: none named, or not all in one block of 16. */
export function wqOperand(wqs: readonly number[]): Result<number, 'EINVAL'> {
  const block = Math.floor((wqs[0] ?? -1) / WQS_PER_OPERAND);
  if (!(block >= 0 && block < 16)) return fail('EINVAL', `work queues [${wqs.join(', ')}] name none a command can name`);
  if (wqs.some((wq) => Math.floor(wq / WQS_PER_OPERAND) !== block)) {
    return fail('EINVAL', `work queues [${wqs.join(', ')}] are not all in one block of ${WQS_PER_OPERAND}`);
  }
  return ok((block << 16) | wqs.reduce((bitmap, wq) => bitmap | (1 << (wq % WQS_PER_OPERAND)), 0));
}

/** The work queues the operand of Disable, Drain, Abort or Reset WQ names, lowest first. */
export function wqsOfOperand(operand: number): number[] {
  const block = (operand >>> 16) & 0xf;
  return Array.from({ length: WQS_PER_OPERAND }, (_each, bit) => bit)
    .filter((bit) => (operand & (1 << bit)) !== 0)
    .map((bit) => block * WQS_PER_OPERAND + bit);
}

/** A table index (Request), or the handle it gave (Release), and the table it belongs to. */
export interface HandleOperand {
  readonly index: number;
  readonly ims: boolean;
}

const IMS_TABLE = 1 << 16;

/** The operand of Request and Release Interrupt Handle; `index` is 16 bits. */
export function handleOperand({ index, ims }: HandleOperand): number {
  return (index & 0xffff) | (ims ? IMS_TABLE : 0);
}

export function handleOfOperand(operand: number): HandleOperand {
  return { index: operand & 0xffff, ims: (operand & IMS_TABLE) !== 0 };
}
