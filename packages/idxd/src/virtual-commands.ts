// The virtual device's commands: the guest's queue 0 is a queue of the physical function, everything else is emulated
// (DSA spec 3.0 §5, §7.5.4).
import { COMMAND, COMMAND_ERROR, CMD, CMDCAP, CMDSTATUS, wqsOfOperand } from '@siov/datasheet';
import type { Steps } from '@siov/base';
import { releaseHandle, requestHandle } from './virtual-handles.ts';
import type { VirtualHandles } from './virtual-handles.ts';
import { queuePasid } from './virtual-interrupts.ts';
import type { VectorIds } from './virtual-interrupts.ts';
import type { VirtualQueue, WqCommand } from './virtual-queue.ts';
import type { PasidCommand } from './work-queue.ts';

/** What the commands act on. */
export interface CommandTargets extends VectorIds {
  readonly queue: VirtualQueue;
  readonly handles: VirtualHandles;
}

const { SUCCESS } = COMMAND_ERROR;
const failed = (error: number) => CMDSTATUS.of({ error });
const success = failed(SUCCESS);

/** Commands whose operand must be zero. */
const WITHOUT_OPERAND: ReadonlySet<number> = new Set([
  COMMAND.ENABLE_DEVICE, COMMAND.DISABLE_DEVICE, COMMAND.DRAIN_ALL, COMMAND.ABORT_ALL, COMMAND.RESET_DEVICE,
]);
const MAX_WQ_INDEX = 0xff;

/** Executes a write to CMD; the result is the CMDSTATUS the guest will read. */
export function* executeCommand(targets: CommandTargets, raw: typeof CMD.reset): Steps<typeof CMDSTATUS.reset> {
  const operand = CMD.operand.get(raw);
  const code = CMD.code.get(raw);
  if (targets.registers.halted && code !== COMMAND.RESET_DEVICE) return failed(COMMAND_ERROR.DEVICE_HALTED);
  if (((CMDCAP.commands.get(targets.registers.bar0.get(CMDCAP)) >>> code) & 1) === 0) return failed(COMMAND_ERROR.UNSUPPORTED_COMMAND);
  if (CMD.reserved.get(raw) !== 0 || (operand !== 0 && WITHOUT_OPERAND.has(code))) return failed(COMMAND_ERROR.RESERVED_FIELD);
  switch (code) {
    case COMMAND.ENABLE_DEVICE:
      return enableDevice(targets);
    case COMMAND.DISABLE_DEVICE:
      return yield* disableDevice(targets);
    case COMMAND.DRAIN_ALL:
      return yield* ifEnabled(targets, COMMAND.DRAIN_WQ);
    case COMMAND.ABORT_ALL:
      return yield* ifEnabled(targets, COMMAND.ABORT_WQ);
    case COMMAND.RESET_DEVICE:
      return yield* resetDevice(targets);
    case COMMAND.ENABLE_WQ:
      return yield* enableWq(targets, operand);
    case COMMAND.DISABLE_WQ:
    case COMMAND.DRAIN_WQ:
    case COMMAND.ABORT_WQ:
      return yield* wqCommand(targets, code, operand);
    case COMMAND.RESET_WQ:
      return yield* resetWq(targets, operand);
    case COMMAND.DRAIN_PASID:
    case COMMAND.ABORT_PASID:
      return yield* pasidCommand(targets, code, operand);
    case COMMAND.REQUEST_INTERRUPT_HANDLE:
      return yield* requestHandle(targets.handles, operand);
    case COMMAND.RELEASE_INTERRUPT_HANDLE:
      return yield* releaseHandle(targets.handles, operand);
    default:
      return failed(COMMAND_ERROR.UNSUPPORTED_COMMAND);
  }
}

function enableDevice({ registers }: CommandTargets) {
  if (registers.deviceEnabled) return failed(COMMAND_ERROR.DEVICE_NOT_DISABLED);
  if (!registers.busMaster) return failed(COMMAND_ERROR.BUS_MASTER_OFF);
  registers.deviceEnabled = true;
  return success;
}

function* disableDevice(targets: CommandTargets): Steps<typeof CMDSTATUS.reset> {
  const { registers } = targets;
  if (!registers.deviceEnabled) return failed(COMMAND_ERROR.DISABLE_DEVICE_NOT_ENABLED);
  if (registers.wqEnabled) yield* targets.queue.run(COMMAND.DISABLE_WQ);
  registers.wqEnabled = false;
  registers.deviceEnabled = false;
  return success;
}

/** Abort and disable the queue, then power-on values but for SWERROR: host interrupts are VFIO's and stay. */
function* resetDevice({ registers, queue }: CommandTargets): Steps<typeof CMDSTATUS.reset> {
  yield* queue.run(COMMAND.RESET_WQ);
  registers.resetByCommand();
  return success;
}

function* enableWq(targets: CommandTargets, operand: number): Steps<typeof CMDSTATUS.reset> {
  const { registers, queue } = targets;
  if (operand > MAX_WQ_INDEX) return failed(COMMAND_ERROR.RESERVED_FIELD);
  if (operand !== 0) return failed(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (!registers.deviceEnabled) return failed(COMMAND_ERROR.DEVICE_NOT_ENABLED);
  if (registers.wqEnabled) return failed(COMMAND_ERROR.WQ_NOT_DISABLED);
  const witness = queuePasid(targets);
  if (witness === null) return failed(COMMAND_ERROR.WQ_PASID_ENABLE);
  const error = yield* queue.enable(witness);
  if (error !== SUCCESS) return failed(COMMAND_ERROR.HARDWARE_ERROR);
  registers.wqEnabled = true;
  return success;
}

function* wqCommand({ registers, queue }: CommandTargets, code: Exclude<WqCommand, typeof COMMAND.RESET_WQ>, operand: number): Steps<typeof CMDSTATUS.reset> {
  const wqs = wqsOfOperand(operand);
  if (wqs.some((wq) => wq !== 0)) return failed(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (wqs.length === 0) return success;
  if (!registers.wqEnabled) return failed(COMMAND_ERROR.WQ_NOT_ENABLED);
  const error = yield* queue.run(code);
  if (code === COMMAND.DISABLE_WQ) registers.wqEnabled = false;
  return failed(error === SUCCESS ? SUCCESS : COMMAND_ERROR.HARDWARE_ERROR);
}

/** No error where the queue is disabled already: then only its configuration is cleared, of which the PASID is the guest's. */
function* resetWq({ registers, queue }: CommandTargets, operand: number): Steps<typeof CMDSTATUS.reset> {
  const wqs = wqsOfOperand(operand);
  if (wqs.some((wq) => wq !== 0)) return failed(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (wqs.length > 0) {
    yield* queue.run(COMMAND.RESET_WQ);
    registers.wqEnabled = false;
    registers.resetQueuePasid();
  }
  return success;
}

/**
 * Without PASIDs of its own all the guest's descriptors carry the queue's, whatever the operand says. With them the host's
 * PASID is meant; one that is not bound is in no descriptor, and these commands have no error for it (DSA spec 3.0 §9.2.13).
 */
function* pasidCommand(targets: CommandTargets, code: PasidCommand, operand: number): Steps<typeof CMDSTATUS.reset> {
  if (targets.pasids === null) return yield* ifEnabled(targets, code === COMMAND.DRAIN_PASID ? COMMAND.DRAIN_WQ : COMMAND.ABORT_WQ);
  const found = targets.pasids.hostPasid(operand);
  if (found === undefined) return success;
  const error = yield* targets.queue.runPasid(code, found);
  return failed(error === SUCCESS ? SUCCESS : COMMAND_ERROR.HARDWARE_ERROR);
}

function* ifEnabled({ registers, queue }: CommandTargets, code: WqCommand): Steps<typeof CMDSTATUS.reset> {
  if (registers.wqEnabled) yield* queue.run(code);
  return success;
}
