// The guest driver's hold on the function: register access, and commands that end with an interrupt. The order of
// accesses is that of the stock Linux driver (drivers/dma/idxd), access by access.
import { Lock, point, waitUntil } from '@siov/base';
import type { AccessPort, Image, Steps, Width } from '@siov/base';
import { CMD, CMDSTATUS, COMMAND, command, GENSTS, INTCAUSE, SWERROR0, SWERROR1, SWERROR2, SWERROR3 } from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import type { DeclaredRegister } from '@siov/device';
import type { IrqCore } from '@siov/irq';

const polling = point('poll', 'command status');

export class GuestFunction {
  readonly name: string;
  readonly #bar0: AccessPort;
  readonly #commands: Lock;
  readonly #state: { commandDone: boolean; interrupts: number; softwareErrors: number };

  constructor(core: IrqCore, name: string, bar0: AccessPort) {
    this.name = name;
    this.#bar0 = bar0;
    this.#commands = new Lock(core.ports.state, `guest/${name}/commands`);
    this.#state = core.ports.state.record(`guest/${name}`, { commandDone: false, interrupts: 0, softwareErrors: 0 });
  }

  get softwareErrors(): number {
    return this.#state.softwareErrors;
  }

  /** Reads a register at `base` + its offset. */
  read<N extends string, W extends Width>(register: DeclaredRegister<N, W>, base = 0): Steps<Image<N, W>> {
    return readRegister(this.#bar0, register, base);
  }

  write<N extends string, W extends Width>(register: DeclaredRegister<N, W>, image: Image<N, W>, base = 0): Steps<void> {
    return writeRegister(this.#bar0, register, image, base);
  }

  /** idxd_cmd_exec(): the result is CMDSTATUS. Waits for vector 0, for ever if need be, as the stock driver does. */
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

  /** idxd_misc_thread(): acknowledge every cause, then act on it. */
  *miscInterrupt(): Steps<void> {
    const cause = yield* this.read(INTCAUSE);
    if (cause === 0) return;
    yield* this.write(INTCAUSE, cause);
    if (INTCAUSE.softwareError.get(cause) === 1) yield* this.#softwareError();
    if (INTCAUSE.commandCompletion.get(cause) === 1) this.#state.commandDone = true;
  }

  *#execute(code: CommandCode, operand: number): Steps<typeof CMDSTATUS.reset> {
    yield* this.read(GENSTS);
    this.#state.commandDone = false;
    yield* this.write(CMD, command(code, operand));
    yield* waitUntil(`${this.name}: completion of command ${code}`, () => this.#state.commandDone);
    return yield* this.read(CMDSTATUS);
  }

  *#poll(code: CommandCode, operand: number): Steps<void> {
    yield* this.write(CMD, command(code, operand, false));
    for (;;) {
      const status = yield* this.read(CMDSTATUS);
      if (CMDSTATUS.active.get(status) === 0) break;
      yield polling;
    }
  }

  *#softwareError(): Steps<void> {
    const error = yield* this.read(SWERROR0);
    yield* this.read(SWERROR1);
    yield* this.read(SWERROR2);
    yield* this.read(SWERROR3);
    this.#state.softwareErrors += 1;
    yield* this.write(SWERROR0, SWERROR0.of({ valid: SWERROR0.valid.get(error), overflow: SWERROR0.overflow.get(error) }));
  }
}
