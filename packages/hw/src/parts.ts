// How the device is put together: which part knows which.
import type { DsaProfile } from '@siov/datasheet';
import { Arbiter } from './arbiter.ts';
import { CommandUnit } from './command-unit.ts';
import { Completion } from './completion.ts';
import { DescriptorChecks } from './descriptor-checks.ts';
import { DeviceRegisters } from './device-registers.ts';
import { DeviceState } from './device-state.ts';
import { Engine } from './engine.ts';
import { ErrorReports } from './error-reports.ts';
import { EventLog } from './event-log.ts';
import { InFlight } from './in-flight.ts';
import { InterruptDelivery } from './interrupt-delivery.ts';
import { InterruptHandles } from './interrupt-handles.ts';
import { InterruptPermission } from './interrupt-permission.ts';
import type { PermissionCheck } from './interrupt-permission.ts';
import { OccupancyInterrupt } from './occupancy-interrupt.ts';
import { PciFunction } from './pci-function.ts';
import type { HwPorts } from './ports.ts';
import { SoftwareErrors } from './software-errors.ts';
import { WorkQueues } from './work-queues.ts';

export interface DeviceAssembly {
  readonly registers: DeviceRegisters;
  readonly pci: PciFunction;
  readonly interrupts: InterruptDelivery;
  readonly handles: InterruptHandles;
  readonly errors: SoftwareErrors;
  readonly log: EventLog;
  readonly queues: WorkQueues;
  readonly inFlight: InFlight;
  readonly state: DeviceState;
  readonly commands: CommandUnit;
  readonly engines: readonly Engine[];
}

export function assemble(name: string, profile: DsaProfile, ports: HwPorts, permissionCheck: PermissionCheck): DeviceAssembly {
  const { state: port, dma, interrupts: messages } = ports;
  const prefix = `hw/${name}`;
  const registers = new DeviceRegisters(port, prefix, profile);
  const pci = new PciFunction(port, prefix, registers);
  const interrupts = new InterruptDelivery({ registers, pci }, messages);
  const handles = new InterruptHandles(port, prefix, registers.layout);
  const errors = new SoftwareErrors({ registers, interrupts });
  const log = new EventLog(port, prefix, { registers, interrupts, dma });
  const reports = new ErrorReports({ registers, errors, log });
  const queues = new WorkQueues(port, prefix, registers);
  const inFlight = new InFlight(port, prefix, registers.layout.engines);
  const state = new DeviceState({ registers, inFlight, errors, interrupts });
  const permission = new InterruptPermission({ registers, handles }, permissionCheck);
  const common = { registers, pci, interrupts, handles, errors, reports, queues, inFlight, state, dma, permission };
  const commands = new CommandUnit(port, prefix, common);
  const engineParts = {
    ...common,
    arbiter: new Arbiter(port, prefix, common),
    occupancy: new OccupancyInterrupt(common),
    checks: new DescriptorChecks(common),
    completion: new Completion(common),
  };
  const engines = Array.from({ length: registers.layout.engines }, (_each, engine) => new Engine(engine, engineParts));
  return { registers, pci, interrupts, handles, errors, log, queues, inFlight, state, commands, engines };
}
