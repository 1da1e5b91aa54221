// What a virtual device tells its guest through vector 0: causes, and that it has halted.
import type { Trace } from '@siov/base';
import { DEVICE_STATE, GENCTRL, GENSTS, INTCAUSE, SOFTWARE_ERROR, SWERROR0, SWERROR1, SWERROR2 } from '@siov/datasheet';
import type { TriggerHelper } from '@siov/vfio-mdev';
import type { SoftwareError } from './software-errors.ts';
import type { VirtualRegisters } from './virtual-registers.ts';

export class VirtualCauses {
  readonly #trace: Trace;
  readonly #registers: VirtualRegisters;
  readonly #triggers: Pick<TriggerHelper<unknown>, 'signal'>;

  constructor(trace: Trace, registers: VirtualRegisters, triggers: Pick<TriggerHelper<unknown>, 'signal'>) {
    this.#trace = trace;
    this.#registers = registers;
    this.#triggers = triggers;
  }

  /** One message an event; the cause bit stays until the guest clears it. */
  raise(cause: typeof INTCAUSE.reset): void {
    const { bar0 } = this.#registers;
    bar0.set(INTCAUSE, INTCAUSE.image((bar0.get(INTCAUSE) | cause) >>> 0));
    this.#trace.call('vfio-mdev', 'signal_vector', { vector: 0 }, () => this.#triggers.signal(0));
  }

  /** From here on the device takes no commands but Reset Device. */
  enterHalt(): void {
    this.#registers.bar0.set(GENSTS, GENSTS.of({ state: DEVICE_STATE.HALT }));
  }

  /** Says so, where the guest asked for it (DSA spec 3.0 §5.7). */
  reportHalt(): void {
    const changed = { first: SWERROR0.of({ valid: 1, error: SOFTWARE_ERROR.CONFIG_CHANGED }), second: SWERROR1.reset, third: SWERROR2.reset };
    const softwareError = this.#record(changed);
    const haltState = GENCTRL.haltInterruptEnable.get(this.#registers.bar0.get(GENCTRL));
    if (softwareError + haltState > 0) this.raise(INTCAUSE.of({ softwareError, haltState }));
  }

  /** An error of one of the guest's descriptors that no completion record tells of. */
  reportError(error: SoftwareError): void {
    if (this.#record(error) > 0) this.raise(INTCAUSE.of({ softwareError: 1 }));
  }

  /** While the guest has not taken the last one, an error is lost but for the fact. 1: the guest wants an interrupt for it. */
  #record({ first, second, third }: SoftwareError): number {
    const { bar0 } = this.#registers;
    const before = bar0.get(SWERROR0);
    if (SWERROR0.valid.get(before) === 1) {
      bar0.set(SWERROR0, SWERROR0.overflow.set(before, 1));
      return 0;
    }
    bar0.set(SWERROR0, first);
    bar0.set(SWERROR1, second);
    bar0.set(SWERROR2, third);
    return GENCTRL.softwareErrorInterruptEnable.get(bar0.get(GENCTRL));
  }
}
