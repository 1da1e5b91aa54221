// The virtual device's commands: the guest's queue 0 is a queue of the physical function, everything else is emulated
// (DSA spec 3.0 §5, §7.5.4).
import { COMMAND, COMMAND_ERROR, CMD, CMDCAP, CMDSTATUS, handleOfOperand, wqsOfOperand } from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import type { Device } from '@siov/device';
import type { Steps } from '@siov/base';
import type { TriggerHelper } from '@siov/vfio-mdev';
import { VIRTUAL_VECTORS } from './virtual-profile.ts';
import type { VirtualRegisters } from './virtual-registers.ts';
import type { WorkQueue } from './work-queue.ts';

/** What the commands act on. */
export interface CommandTargets {
  readonly device: Device;
  readonly registers: VirtualRegisters;
  readonly queue: WorkQueue;
  readonly triggers: Pick<TriggerHelper<unknown>, 'hwirq' | 'idle' | 'resume'>;
}

const { SUCCESS } = COMMAND_ERROR;
const failed = (error: number) => CMDSTATUS.of({ error });
const success = failed(SUCCESS);

/** Commands whose operand must be zero. */
const WITHOUT_OPERAND: ReadonlySet<number> = new Set([
  COMMAND.ENABLE_DEVICE, COMMAND.DISABLE_DEVICE, COMMAND.DRAIN_ALL, COMMAND.ABORT_ALL, COMMAND.RESET_DEVICE,
]);
const MAX_WQ_INDEX = 0xff;
/** Operand bits of Request and Release Interrupt Handle: a table index and the table. */
const HANDLE_OPERAND = 0x1ffff;

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
    // The guest has no PASIDs of its own: its descriptors all carry the queue's, whatever the operand says.
    case COMMAND.DRAIN_PASID:
      return yield* ifEnabled(targets, COMMAND.DRAIN_WQ);
    case COMMAND.ABORT_PASID:
      return yield* ifEnabled(targets, COMMAND.ABORT_WQ);
    case COMMAND.REQUEST_INTERRUPT_HANDLE:
      return yield* requestHandle(targets, operand);
    case COMMAND.RELEASE_INTERRUPT_HANDLE:
      return yield* releaseHandle(targets, operand);
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

function* enableWq({ device, registers, queue }: CommandTargets, operand: number): Steps<typeof CMDSTATUS.reset> {
  if (operand > MAX_WQ_INDEX) return failed(COMMAND_ERROR.RESERVED_FIELD);
  if (operand !== 0) return failed(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (!registers.deviceEnabled) return failed(COMMAND_ERROR.DEVICE_NOT_ENABLED);
  if (registers.wqEnabled) return failed(COMMAND_ERROR.WQ_NOT_DISABLED);
  if (!device.iommu.valid) return failed(COMMAND_ERROR.WQ_PASID_ENABLE);
  const error = yield* queue.enable(device.iommu.pasid);
  if (error !== SUCCESS) return failed(COMMAND_ERROR.HARDWARE_ERROR);
  registers.wqEnabled = true;
  return success;
}

function* wqCommand({ registers, queue }: CommandTargets, code: CommandCode, operand: number): Steps<typeof CMDSTATUS.reset> {
  const wqs = wqsOfOperand(operand);
  if (wqs.some((wq) => wq !== 0)) return failed(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (wqs.length === 0) return success;
  if (!registers.wqEnabled) return failed(COMMAND_ERROR.WQ_NOT_ENABLED);
  const error = yield* queue.run(code);
  if (code === COMMAND.DISABLE_WQ) registers.wqEnabled = false;
  return failed(error === SUCCESS ? SUCCESS : COMMAND_ERROR.HARDWARE_ERROR);
}

/** No error where the queue is disabled already: then only its configuration is cleared, which here is fixed. */
function* resetWq({ registers, queue }: CommandTargets, operand: number): Steps<typeof CMDSTATUS.reset> {
  const wqs = wqsOfOperand(operand);
  if (wqs.some((wq) => wq !== 0)) return failed(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (wqs.length > 0) {
    yield* queue.run(COMMAND.RESET_WQ);
    registers.wqEnabled = false;
  }
  return success;
}

function* ifEnabled({ registers, queue }: CommandTargets, code: CommandCode): Steps<typeof CMDSTATUS.reset> {
  if (registers.wqEnabled) yield* queue.run(code);
  return success;
}

/** The handle is that of the slot in the host's message store: the guest's descriptors name it, the PASID check guards it. */
function* requestHandle({ triggers, queue }: CommandTargets, operand: number): Steps<typeof CMDSTATUS.reset> {
  if (operand > HANDLE_OPERAND) return failed(COMMAND_ERROR.RESERVED_FIELD);
  const { index, ims } = handleOfOperand(operand);
  if (ims) return failed(COMMAND_ERROR.NO_INTERRUPT_HANDLE);
  if (index === 0 || index >= VIRTUAL_VECTORS) return failed(COMMAND_ERROR.INTERRUPT_INDEX);
  const ready = yield* triggers.resume(index);
  const slot = triggers.hwirq(index);
  const handle = ready.ok && slot.ok ? yield* queue.requestHandle(slot.value) : slot;
  return ready.ok && handle.ok ? CMDSTATUS.of({ error: SUCCESS, result: handle.value }) : failed(COMMAND_ERROR.NO_INTERRUPT_HANDLE);
}

/**
 * The handle is unusable from here on: its slot is masked, wiped and given back. A VMM need not tell when the guest
 * masks the vector, so this is the moment. Linux gives the handle, the specification asks for the table index: either
 * is taken.
 */
function* releaseHandle({ triggers, queue }: CommandTargets, operand: number): Steps<typeof CMDSTATUS.reset> {
  if (operand > HANDLE_OPERAND) return failed(COMMAND_ERROR.RESERVED_FIELD);
  const { index, ims } = handleOfOperand(operand);
  for (let vector = 1; vector < VIRTUAL_VECTORS && !ims; vector++) {
    const slot = triggers.hwirq(vector);
    if (!slot.ok || (queue.handleOf(slot.value) !== index && vector !== index)) continue;
    yield* queue.releaseHandle(slot.value);
    yield* triggers.idle(vector);
    return success;
  }
  return failed(COMMAND_ERROR.INTERRUPT_INDEX);
}
