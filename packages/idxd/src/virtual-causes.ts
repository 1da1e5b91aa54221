// What a virtual device tells its guest through vector 0: causes, and that it has halted.
import type { Trace } from '@siov/base';
import { DEVICE_STATE, GENCTRL, GENSTS, INTCAUSE, SOFTWARE_ERROR, SWERROR0 } from '@siov/datasheet';
import type { TriggerHelper } from '@siov/vfio-mdev';
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
    const { bar0 } = this.#registers;
    const error = bar0.get(SWERROR0);
    const recorded = SWERROR0.valid.get(error) === 1;
    bar0.set(SWERROR0, recorded ? SWERROR0.overflow.set(error, 1) : SWERROR0.of({ valid: 1, error: SOFTWARE_ERROR.CONFIG_CHANGED }));
    const enabled = bar0.get(GENCTRL);
    const softwareError = recorded ? 0 : GENCTRL.softwareErrorInterruptEnable.get(enabled);
    const haltState = GENCTRL.haltInterruptEnable.get(enabled);
    if (softwareError + haltState > 0) this.raise(INTCAUSE.of({ softwareError, haltState }));
  }
}
