// CMD and CMDSTATUS: takes one command at a time and runs it beside everything else (DSA spec 3.0 §9.2.12-13).
import { point, waitUntil } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import { CMD, CMDSTATUS, COMMAND, COMMAND_ERROR, SOFTWARE_ERROR } from '@siov/datasheet';
import { COMMANDS, WITHOUT_OPERAND } from './commands.ts';
import type { CommandParts, CommandStatus } from './commands.ts';
import type { ErrorReports } from './error-reports.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';
import type { SoftwareErrors } from './software-errors.ts';

const started = point('device', 'command started');
const ending = point('device', 'command ends');

export interface CommandUnitParts extends Omit<CommandParts, 'abandoned'> {
  readonly errors: SoftwareErrors;
  readonly reports: ErrorReports;
  readonly interrupts: InterruptDelivery;
}

interface UnitState {
  /** A command was written and not taken up yet. */
  pending: boolean;
  /** What was written to CMD. */
  written: number;
  /** The unit works on a command. */
  busy: boolean;
  /** A function level reset came since. */
  abandoned: boolean;
  /** Writes to CMD that were lost and that the event log is to have. */
  overlaps: number;
}

export class CommandUnit {
  readonly #parts: CommandUnitParts;
  readonly #unit: UnitState;

  constructor(state: StatePort, name: string, parts: CommandUnitParts) {
    this.#parts = parts;
    this.#unit = state.record<UnitState>(`${name}/command-unit`, { pending: false, written: 0, busy: false, abandoned: false, overlaps: 0 });
  }

  get busy(): boolean {
    return this.#unit.busy || this.#unit.pending;
  }

  /** A write to CMD. While a command is active it is lost, and an error recorded. */
  *write(value: number): Steps<void> {
    const { registers, errors, reports } = this.#parts;
    if (CMDSTATUS.active.get(registers.get(CMDSTATUS)) === 1) {
      // Nobody who writes a register waits for the log.
      if (reports.logged) this.#unit.overlaps += 1;
      else yield* errors.report({ error: SOFTWARE_ERROR.COMMAND_OVERLAP });
      return;
    }
    registers.set(CMDSTATUS, CMDSTATUS.of({ active: 1 }));
    this.#unit.pending = true;
    this.#unit.written = value;
  }

  /** A function level reset: whatever was asked is forgotten, without status or interrupt. */
  reset(): void {
    Object.assign(this.#unit, { pending: false, overlaps: 0 });
    if (this.#unit.busy) this.#unit.abandoned = true;
  }

  *run(): Steps<never> {
    for (;;) {
      yield* waitUntil('command unit: a command', () => this.#unit.pending);
      const command = CMD.image(this.#unit.written);
      Object.assign(this.#unit, { pending: false, busy: true });
      yield started;
      if (!this.#unit.abandoned) {
        const status = yield* this.#execute(command);
        yield* this.#end(command, status ?? CMDSTATUS.of({ error: COMMAND_ERROR.DEVICE_HALTED }));
      }
      Object.assign(this.#unit, { busy: false, abandoned: false });
    }
  }

  /** The status is final before the interrupt: software that is woken by it reads it (DSA spec 3.0 §9.2.13). */
  *#end(command: typeof CMD.reset, status: CommandStatus): Steps<void> {
    yield ending;
    yield* this.#reportOverlaps();
    if (this.#unit.abandoned) return;
    this.#parts.registers.set(CMDSTATUS, status);
    if (CMD.requestInterrupt.get(command) === 0) return;
    yield* this.#parts.interrupts.cause('commandCompletion', () => !this.#unit.abandoned);
  }

  *#reportOverlaps(): Steps<void> {
    const gone = () => this.#unit.abandoned;
    while (this.#unit.overlaps > 0 && !gone()) {
      this.#unit.overlaps -= 1;
      yield* this.#parts.reports.report({ error: SOFTWARE_ERROR.COMMAND_OVERLAP }, { gone, hurried: () => false });
    }
  }

  *#execute(command: typeof CMD.reset): Steps<CommandStatus | undefined> {
    const { registers, state } = this.#parts;
    const code = CMD.code.get(command);
    const operand = CMD.operand.get(command);
    const run = COMMANDS.get(code);
    const refused = (error: number) => CMDSTATUS.of({ error });
    if (state.halted && code !== COMMAND.RESET_DEVICE) return refused(COMMAND_ERROR.DEVICE_HALTED);
    if (run === undefined || ((registers.layout.commands >>> code) & 1) === 0) return refused(COMMAND_ERROR.UNSUPPORTED_COMMAND);
    if (CMD.reserved.get(command) !== 0 || (operand !== 0 && WITHOUT_OPERAND.has(code))) return refused(COMMAND_ERROR.RESERVED_FIELD);
    return yield* run({ ...this.#parts, abandoned: () => this.#unit.abandoned }, operand);
  }
}
