// The guest driver's hold on the function: register access, and commands that end with an interrupt. The order of
// accesses is that of the stock Linux driver (drivers/dma/idxd), access by access.
import { Lock, point, waitUntil } from '@siov/base';
import type { AccessPort, Image, Steps, Width } from '@siov/base';
import { CMD, CMDSTATUS, COMMAND, COMMAND_ERROR, command, DEVICE_STATE, GENSTS, SWERROR0, SWERROR1, SWERROR2, SWERROR3 } from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { DeclaredRegister } from '@siov/device';
import type { IrqCore } from '@siov/irq';
import { decodeSoftwareError } from './software-error.ts';
import type { SoftwareError } from './software-error.ts';

const polling = point('poll', 'command status');

/** What a command comes to on a halted device (idxd_cmd_exec()). */
const HALTED = CMDSTATUS.of({ error: COMMAND_ERROR.HARDWARE_ERROR });

/** Software errors kept. */
const ERRORS_KEPT = 16;

interface FunctionState {
  commandDone: boolean;
  halted: boolean;
  softwareErrors: number;
  /** The last ones, oldest first. */
  lastErrors: readonly SoftwareError[];
}

export class GuestFunction {
  readonly name: string;
  readonly #bar0: AccessPort;
  readonly #commands: Lock;
  readonly #state: FunctionState;

  constructor(core: IrqCore, name: string, bar0: AccessPort) {
    this.name = name;
    this.#bar0 = bar0;
    this.#commands = new Lock(core.ports.state, `guest/${name}/commands`);
    this.#state = core.ports.state.record<FunctionState>(`guest/${name}`, { commandDone: false, halted: false, softwareErrors: 0, lastErrors: [] });
  }

  /** Software errors taken. */
  get softwareErrors(): number {
    return this.#state.softwareErrors;
  }

  /** The last 16 of them, oldest first. */
  get lastSoftwareErrors(): readonly SoftwareError[] {
    return this.#state.lastErrors;
  }

  /** The device has said that it is halted; only a reset and a new probe help. */
  get halted(): boolean {
    return this.#state.halted;
  }

  /** Reads a register at `base` + its offset. */
  read<N extends string, W extends Width>(register: DeclaredRegister<N, W>, base = 0): Steps<Image<N, W>> {
    return readRegister(this.#bar0, register, base);
  }

  write<N extends string, W extends Width>(register: DeclaredRegister<N, W>, image: Image<N, W>, base = 0): Steps<void> {
    return writeRegister(this.#bar0, register, image, base);
  }

  /** idxd_cmd_exec(): the result is CMDSTATUS. Waits for vector 0, for ever if need be, as the stock driver does; a halted device gives HARDWARE_ERROR. */
  command(code: CommandCode, operand = 0): Steps<typeof CMDSTATUS.reset> {
    return this.#commands.with(this.#execute(code, operand));
  }

  /** The same without an interrupt, as handles are released: polled, then the status is read once more. */
  *polledCommand(code: CommandCode, operand = 0): Steps<typeof CMDSTATUS.reset> {
    yield* this.#commands.with(this.#poll(code, operand));
    return yield* this.read(CMDSTATUS);
  }

  /** idxd_device_init_reset(): no interrupts yet, nobody else yet. */
  *initialReset(): Steps<void> {
    yield* this.#poll(COMMAND.RESET_DEVICE, 0);
  }

  /** Of vector 0's thread: whoever waits for a command goes on. */
  commandCompleted(): void {
    this.#state.commandDone = true;
  }

  /** Of vector 0's thread: the device does nothing any more until it is reset. Who waits for a command goes on, without its status. */
  halt(): void {
    this.#state.halted = true;
  }

  /** Of vector 0's thread: SWERROR read, kept, and let go for the next one. */
  *takeSoftwareError(): Steps<void> {
    const first = yield* this.read(SWERROR0);
    const second = yield* this.read(SWERROR1);
    const third = yield* this.read(SWERROR2);
    yield* this.read(SWERROR3);
    this.#state.softwareErrors += 1;
    this.#state.lastErrors = [...this.#state.lastErrors, decodeSoftwareError(first, second, third)].slice(-ERRORS_KEPT);
    yield* this.write(SWERROR0, SWERROR0.of({ valid: SWERROR0.valid.get(first), overflow: SWERROR0.overflow.get(first) }));
  }

  *#execute(code: CommandCode, operand: number): Steps<typeof CMDSTATUS.reset> {
    const status = yield* this.read(GENSTS);
    if (GENSTS.state.get(status) === DEVICE_STATE.HALT) return HALTED;
    this.#state.commandDone = false;
    yield* this.write(CMD, command(code, operand));
    yield* waitUntil(`${this.name}: completion of command ${code}`, () => this.#state.commandDone || this.#state.halted);
    return this.#state.commandDone ? yield* this.read(CMDSTATUS) : HALTED;
  }

  *#poll(code: CommandCode, operand: number): Steps<void> {
    yield* this.write(CMD, command(code, operand, false));
    for (;;) {
      const status = yield* this.read(CMDSTATUS);
      if (CMDSTATUS.active.get(status) === 0) break;
      yield polling;
    }
  }
}
