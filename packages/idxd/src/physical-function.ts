// The host driver's half of the physical function: brings the device up and runs its commands (idxd init.c, device.c).
import { describeFailure, fail, Lock, ok, point, waitUntil } from '@siov/base';
import type { AccessPort, Result, Steps } from '@siov/base';
import {
  CMD, CMDCAP, CMDSTATUS, COMMAND, COMMAND_ERROR, command, DEVICE_STATE, ENGCAP, GENCAP, GENCTRL, GENSTS, GRPCAP, INTCAUSE, OFFSETS,
  OPCAP, PCICMD, SWERROR0, SWERROR1, SWERROR2, VERSION, WQCAP,
} from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { PciDevice } from '@siov/device';
import { freeIrq, pciAllocIrqVectors, requestThreadedIrq } from '@siov/irq';
import type { IrqCore, IrqDomain, IrqReturn, MsiAllocInfo, MsixErrno, MsixVectors } from '@siov/irq';
import { enablePciPasid } from '@siov/iommu';
import type { SoftwareError } from './software-errors.ts';

const polling = point('poll', 'command status');

/** What the device said of itself at probe. Images of the registers of these names. */
export interface Capabilities {
  readonly version: typeof VERSION.reset;
  readonly gencap: typeof GENCAP.reset;
  readonly wqcap: typeof WQCAP.reset;
  readonly grpcap: typeof GRPCAP.reset;
  readonly engcap: typeof ENGCAP.reset;
  readonly opcap: (typeof OPCAP)[0]['reset'];
  readonly offsets: typeof OFFSETS.reset;
  /** Interrupt handles have to be asked for. */
  readonly handles: boolean;
}

export type ProbeErrno = 'ENODEV' | 'ENXIO' | 'EEXIST' | 'EIO' | MsixErrno;

export class PhysicalFunction {
  readonly device: PciDevice;
  readonly core: IrqCore;
  readonly registers: PciDevice['resources']['config'];
  readonly capabilities: Capabilities;
  readonly #commands: Lock;
  readonly #state: { commandDone: boolean; softwareErrors: number };
  /** The command register as the driver found it. */
  readonly #before: typeof PCICMD.reset;
  #vectors: MsixVectors | null = null;
  #report: (error: SoftwareError) => void = () => {};

  private constructor(core: IrqCore, device: PciDevice, registers: PciDevice['resources']['config'], capabilities: Capabilities, before: typeof PCICMD.reset) {
    this.#before = before;
    this.core = core;
    this.device = device;
    this.registers = registers;
    this.capabilities = capabilities;
    this.#commands = new Lock(core.ports.state, `${device.name}/commands`);
    this.#state = core.ports.state.record(`${device.name}/driver`, { commandDone: false, softwareErrors: 0 });
  }

  /**
   * idxd_pci_probe(), without what user space configures later: bus mastering, PASIDs on, reset, capabilities, MSI-X
   * with vector 0 for commands and errors. `ENODEV`: no BAR 0 or no MSI-X; `ENXIO`: the device is halted.
   */
  static *probe(core: IrqCore, device: PciDevice, parent: IrqDomain<MsiAllocInfo>): Steps<Result<PhysicalFunction, ProbeErrno>> {
    const bar = device.bar(0);
    if (!bar.ok) return bar;
    const { config } = device.resources;
    const control = yield* readRegister(config, PCICMD);
    yield* writeRegister(config, PCICMD, PCICMD.busMasterEnable.set(PCICMD.memorySpaceEnable.set(control, 1), 1));
    const probed = yield* PhysicalFunction.#takeOver(core, device, bar.value, parent, control);
    // pci_disable_device(); also what could decode before goes back to what it was.
    if (!probed.ok) yield* writeRegister(config, PCICMD, control);
    return probed;
  }

  static *#takeOver(
    core: IrqCore,
    device: PciDevice,
    bar: AccessPort,
    parent: IrqDomain<MsiAllocInfo>,
    before: typeof PCICMD.reset,
  ): Steps<Result<PhysicalFunction, ProbeErrno>> {
    // A function without PASIDs still works; what needs one is refused where it asks for it.
    yield* enablePciPasid(device);
    if (GENSTS.state.get(yield* readRegister(bar, GENSTS)) === DEVICE_STATE.HALT) return fail('ENXIO', `${device.name} is halted`);
    yield* resetDevice(bar);
    const function_ = new PhysicalFunction(core, device, bar, yield* readCapabilities(bar), before);
    const interrupts = yield* function_.#setUpInterrupts(parent);
    return interrupts.ok ? ok(function_) : interrupts;
  }

  /** Who is told of software errors, each once; vector 0's thread tells it, so that it must not wait for a command. */
  reportErrors(report: (error: SoftwareError) => void): void {
    this.#report = report;
  }

  get softwareErrors(): number {
    return this.#state.softwareErrors;
  }

  /** idxd_cmd_exec(): runs one command and waits for its interrupt. The result is CMDSTATUS as the device left it. */
  *command(code: CommandCode, operand = 0): Steps<typeof CMDSTATUS.reset> {
    return yield* this.#commands.with(this.#run(code, operand));
  }

  /** The same for callers that know a single good answer. `EIO` names the command's error code. */
  *mustSucceed(code: CommandCode, operand = 0): Steps<Result<void, 'EIO'>> {
    const error = CMDSTATUS.error.get(yield* this.command(code, operand));
    return error === COMMAND_ERROR.SUCCESS ? ok() : fail('EIO', `${this.device.name}: command ${code}, operand 0x${operand.toString(16)}: error 0x${error.toString(16)}`);
  }

  /** Undoes {@link probe}: device disabled and reset, interrupts given back, on the bus as it was. */
  *remove(): Steps<void> {
    yield* this.command(COMMAND.DISABLE_DEVICE);
    yield* this.command(COMMAND.RESET_DEVICE);
    const vector0 = this.#vectors?.virqs[0];
    if (vector0 !== undefined) yield* freeIrq(this.core, vector0, this);
    if (this.#vectors !== null) yield* this.#vectors.free();
    this.#vectors = null;
    yield* writeRegister(this.device.resources.config, PCICMD, this.#before);
  }

  *#run(code: CommandCode, operand: number): Steps<typeof CMDSTATUS.reset> {
    this.#state.commandDone = false;
    yield* writeRegister(this.registers, CMD, command(code, operand));
    yield* waitUntil(`completion of command ${code}`, () => this.#state.commandDone);
    return yield* readRegister(this.registers, CMDSTATUS);
  }

  *#setUpInterrupts(parent: IrqDomain<MsiAllocInfo>): Steps<Result<void, ProbeErrno>> {
    const vectors = yield* pciAllocIrqVectors(this.core, this.device, parent);
    if (!vectors.ok) return vectors;
    const misc = vectors.value.virqs[0] ?? 0;
    const requested = yield* requestThreadedIrq(this.core, misc, { name: 'idxd-misc', devId: this, thread: () => this.#misc() });
    if (!requested.ok) {
      yield* vectors.value.free();
      return fail('ENXIO', `${this.device.name}: ${describeFailure(requested)}`);
    }
    this.#vectors = vectors.value;
    yield* writeRegister(this.registers, GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1, haltInterruptEnable: 1 }));
    return ok();
  }

  /** idxd_misc_thread(): acknowledges every cause, then looks again. */
  *#misc(): Steps<IrqReturn> {
    for (let result: IrqReturn = 'none'; ; result = 'handled') {
      const cause = yield* readRegister(this.registers, INTCAUSE);
      if (cause === 0) return result;
      yield* writeRegister(this.registers, INTCAUSE, cause);
      if (INTCAUSE.softwareError.get(cause) === 1) yield* this.#softwareError();
      if (INTCAUSE.commandCompletion.get(cause) === 1) this.#state.commandDone = true;
    }
  }

  *#softwareError(): Steps<void> {
    const first = yield* readRegister(this.registers, SWERROR0);
    const second = yield* readRegister(this.registers, SWERROR1);
    const third = yield* readRegister(this.registers, SWERROR2);
    this.#state.softwareErrors += 1;
    yield* writeRegister(this.registers, SWERROR0, SWERROR0.of({ valid: SWERROR0.valid.get(first), overflow: SWERROR0.overflow.get(first) }));
    if (SWERROR0.valid.get(first) === 1) this.#report({ first, second, third });
  }
}

/** Reset Device before there are interrupts: its end is polled. */
function* resetDevice(registers: PciDevice['resources']['config']): Steps<void> {
  yield* writeRegister(registers, CMD, command(COMMAND.RESET_DEVICE, 0, false));
  while (CMDSTATUS.active.get(yield* readRegister(registers, CMDSTATUS)) === 1) yield polling;
}

function* readCapabilities(registers: PciDevice['resources']['config']): Steps<Capabilities> {
  const version = yield* readRegister(registers, VERSION);
  const gencap = yield* readRegister(registers, GENCAP);
  const commands = GENCAP.commandCapabilities.get(gencap) === 1 ? CMDCAP.commands.get(yield* readRegister(registers, CMDCAP)) : 0;
  return {
    version,
    gencap,
    handles: ((commands >>> COMMAND.REQUEST_INTERRUPT_HANDLE) & 1) === 1,
    grpcap: yield* readRegister(registers, GRPCAP),
    engcap: yield* readRegister(registers, ENGCAP),
    wqcap: yield* readRegister(registers, WQCAP),
    opcap: yield* readRegister(registers, OPCAP[0]),
    offsets: yield* readRegister(registers, OFFSETS),
  };
}
