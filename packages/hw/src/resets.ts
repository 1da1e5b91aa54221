// What each kind of reset does to the state of the device (DSA spec 3.0 table 9-3).
import type { Width } from '@siov/base';
import { DEVCTL, DEVICE_STATE, EVLCFG0, EVLCFG1, GENCTRL, INTCAUSE, VC0_CONTROL, VC1_CONTROL, WQ_STATE } from '@siov/datasheet';
import type { DeviceRegisters, Stored } from './device-registers.ts';
import type { DeviceState } from './device-state.ts';
import type { InFlight } from './in-flight.ts';
import type { InterruptHandles } from './interrupt-handles.ts';
import type { PciFunction } from './pci-function.ts';
import type { WorkQueues } from './work-queues.ts';

export interface ResetParts {
  readonly registers: DeviceRegisters;
  readonly state: DeviceState;
  readonly queues: WorkQueues;
  readonly handles: InterruptHandles;
  readonly inFlight: InFlight;
  readonly pci: PciFunction;
}

/**
 * The end of the Reset Device command, when nothing is in flight any more. Command status, SWERROR, EVLSTATUS, the MSI-X
 * table and config space stay; so do interrupt handles, which no table entry holds and software does not ask for again.
 */
export function resetDeviceState({ registers, state, queues }: ResetParts): void {
  for (let wq = 0; wq < registers.layout.wqs; wq++) queues.setState(wq, WQ_STATE.DISABLED);
  registers.resetTables(['MSIXPERM', 'GRPCFG', 'WQCFG', 'IMS']);
  for (const each of [GENCTRL, INTCAUSE, EVLCFG0, EVLCFG1]) reset(registers, each);
  state.state = DEVICE_STATE.DISABLED;
}

/** A function level reset: at once and everything; engines let go of their descriptors at their next step. */
export function resetFunctionState(parts: ResetParts): void {
  const { config } = parts.registers;
  const kept = KEPT_BY_FUNCTION_LEVEL_RESET.map((register) => [register, config.get(register)] as const);
  const payload = DEVCTL.maxPayload.get(config.get(DEVCTL));
  resetAll(parts);
  for (const [register, image] of kept) config.set(register, image);
  config.set(DEVCTL, DEVCTL.maxPayload.set(config.get(DEVCTL), payload));
}

/** A warm reset, or power-on: what belongs to the link is reset too. */
export function resetAll({ registers, queues, handles, inFlight, pci }: ResetParts): void {
  inFlight.stop('reset');
  for (let wq = 0; wq < registers.layout.wqs; wq++) queues.drop(wq);
  handles.forget();
  registers.setPowerOnValues();
  pci.refresh();
}

/**
 * What the function shares with the link it is on: the virtual channels, and of DEVCTL the payload size (PCI Express base
 * specification 5.0 §6.6.2, from memory).
 */
const KEPT_BY_FUNCTION_LEVEL_RESET: readonly Stored<string, Width>[] = [VC0_CONTROL, VC1_CONTROL] as readonly Stored<string, Width>[];

function reset(registers: DeviceRegisters, register: Stored<string, Width>): void {
  registers.set(register, register.reset);
}
