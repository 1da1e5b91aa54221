// What each kind of reset does to the state of the device (DSA spec 3.0 table 9-3).
import { CMDSTATUS, DEVICE_STATE, GENCTRL, INTCAUSE, WQ_STATE } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { DeviceState } from './device-state.ts';
import type { InFlight } from './in-flight.ts';
import type { InterruptHandles } from './interrupt-handles.ts';
import type { WorkQueues } from './work-queues.ts';

export interface ResetParts {
  readonly registers: DeviceRegisters;
  readonly state: DeviceState;
  readonly queues: WorkQueues;
  readonly handles: InterruptHandles;
  readonly inFlight: InFlight;
}

/**
 * The end of the Reset Device command, when nothing is in flight any more. Command status, SWERROR, the MSI-X table and
 * config space stay; so do interrupt handles, which no table entry holds and software does not ask for again.
 */
export function resetDeviceState({ registers, state, queues }: ResetParts): void {
  for (let wq = 0; wq < registers.layout.wqs; wq++) queues.setState(wq, WQ_STATE.DISABLED);
  registers.resetTables(['MSIXPERM', 'GRPCFG', 'WQCFG', 'IMS']);
  registers.set(GENCTRL, GENCTRL.reset);
  registers.set(INTCAUSE, INTCAUSE.reset);
  state.state = DEVICE_STATE.DISABLED;
}

/** A function level reset: at once and everything; engines let go of their descriptors at their next step. */
export function resetFunctionState({ registers, queues, handles, inFlight }: ResetParts): void {
  inFlight.stop('reset');
  for (let wq = 0; wq < registers.layout.wqs; wq++) queues.drop(wq);
  handles.forget();
  registers.setPowerOnValues();
  registers.set(CMDSTATUS, CMDSTATUS.reset);
}
