// What Enable WQ checks before it does it (DSA spec 3.0 §5.2). The order between the checks is the device's choice.
import { COMMAND_ERROR, GENCAP, GENCFG, OPCAP, WQ_STATE, WQCAP, Wqcfg, WqcfgOperations } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InterruptHandles } from './interrupt-handles.ts';
import type { PciFunction } from './pci-function.ts';

interface Parts {
  readonly registers: DeviceRegisters;
  readonly pci: PciFunction;
  readonly handles: InterruptHandles;
}

/** The first error code, or SUCCESS. The queue must be one there is, the device Enabled. */
export function enableWqError(parts: Parts, wq: number): number {
  const { registers } = parts;
  if (Wqcfg.Status.state.get(registers.wq(wq, Wqcfg.Status)) !== WQ_STATE.DISABLED) return COMMAND_ERROR.WQ_NOT_DISABLED;
  if (Wqcfg.Size.size.get(registers.wq(wq, Wqcfg.Size)) === 0) return COMMAND_ERROR.WQ_SIZE_ZERO;
  for (const check of [modeError, limitsError, occupancyError, operationsError]) {
    const error = check(parts, wq);
    if (error !== COMMAND_ERROR.SUCCESS) return error;
  }
  return COMMAND_ERROR.SUCCESS;
}

function modeError({ registers, pci }: Parts, wq: number): number {
  const mode = Wqcfg.Mode.decode(registers.wq(wq, Wqcfg.Mode));
  const wqcap = registers.get(WQCAP);
  const supported = mode.dedicated === 1 ? WQCAP.dedicatedMode.get(wqcap) : WQCAP.sharedMode.get(wqcap);
  if (supported === 0) return COMMAND_ERROR.WQ_MODE;
  if (WQCAP.priority.get(wqcap) === 1 && mode.priority === 0) return COMMAND_ERROR.WQ_PRIORITY_ZERO;
  if (mode.blockOnFaultEnable === 1 && !(GENCAP.blockOnFault.get(registers.get(GENCAP)) === 1 && pci.priEnabled)) return COMMAND_ERROR.WQ_BLOCK_ON_FAULT;
  if (mode.pasidEnable === 1 ? !pci.pasidEnabled : mode.dedicated === 0) return COMMAND_ERROR.WQ_PASID_ENABLE;
  if (mode.dedicated === 1 && mode.pasidEnable === 1 && mode.priv === 1 && !pci.privilegedEnabled) return COMMAND_ERROR.WQ_PRIV;
  if (mode.atsDisable === 1 && WQCAP.atsDisable.get(wqcap) === 0) return COMMAND_ERROR.WQ_ATS_DISABLE;
  const withoutPrs = WQCAP.prsDisable.get(wqcap) === 1 && mode.blockOnFaultEnable === 0 && GENCFG.eventLogEnable.get(registers.get(GENCFG)) === 1;
  return mode.prsDisable === 1 && !withoutPrs ? COMMAND_ERROR.WQ_PRS_DISABLE : COMMAND_ERROR.SUCCESS;
}

function limitsError({ registers }: Parts, wq: number): number {
  const { maxBatchShift, maxTransferShift } = Wqcfg.Limits.decode(registers.wq(wq, Wqcfg.Limits));
  const gencap = registers.get(GENCAP);
  if (maxBatchShift > GENCAP.maxBatchShift.get(gencap)) return COMMAND_ERROR.WQ_MAX_BATCH;
  if (maxTransferShift > GENCAP.maxTransferShift.get(gencap)) return COMMAND_ERROR.WQ_MAX_TRANSFER;
  return COMMAND_ERROR.SUCCESS;
}

/** Drivers that do not use the occupancy interrupt leave its handle 0 without asking for one: only its use is checked. */
function occupancyError({ registers, handles }: Parts, wq: number): number {
  if (WQCAP.occupancyInterrupt.get(registers.get(WQCAP)) === 0) return COMMAND_ERROR.SUCCESS;
  const { handle, ims } = Wqcfg.OccupancyInterrupt.decode(registers.wq(wq, Wqcfg.OccupancyInterrupt));
  const enabled = Wqcfg.OccupancyLimit.interruptEnable.get(registers.wq(wq, Wqcfg.OccupancyLimit)) === 1;
  const entries = ims === 1 ? registers.layout.imsEntries : registers.layout.msixEntries;
  const valid = enabled ? handles.entryOf(ims === 1, handle) !== undefined : handle < entries;
  return valid ? COMMAND_ERROR.SUCCESS : COMMAND_ERROR.WQ_OCCUPANCY_INTERRUPT;
}

/** OPCFG names no operation that OPCAP does not. */
function operationsError({ registers }: Parts, wq: number): number {
  if (registers.layout.wqcfgSize < 64) return COMMAND_ERROR.SUCCESS;
  const opcap = BigInt(registers.get(OPCAP[0]));
  for (let word = 0; word < 8; word++) {
    const configured = registers.bar0.get(WqcfgOperations, registers.wqOffset(wq) + WqcfgOperations.offset + 4 * word);
    const supported = Number(BigInt.asUintN(32, opcap >> BigInt(32 * word)));
    if ((configured & ~supported) !== 0) return COMMAND_ERROR.WQ_OPERATIONS;
  }
  return COMMAND_ERROR.SUCCESS;
}
