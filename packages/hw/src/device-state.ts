// GENSTS: the state of the device as a whole, and the way into Halt.
import type { Steps } from '@siov/base';
import { DEVICE_STATE, GENCTRL, GENSTS, RESET_TYPE, SOFTWARE_ERROR } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InFlight } from './in-flight.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';
import type { SoftwareErrors } from './software-errors.ts';

export class DeviceState {
  readonly #parts: { registers: DeviceRegisters; inFlight: InFlight; errors: SoftwareErrors; interrupts: InterruptDelivery };

  constructor(parts: { registers: DeviceRegisters; inFlight: InFlight; errors: SoftwareErrors; interrupts: InterruptDelivery }) {
    this.#parts = parts;
  }

  /** Of DEVICE_STATE. */
  get state(): number {
    return GENSTS.state.get(this.#parts.registers.get(GENSTS));
  }

  set state(state: number) {
    this.#parts.registers.set(GENSTS, GENSTS.of({ state }));
  }

  get disabled(): boolean {
    return this.state === DEVICE_STATE.DISABLED;
  }

  get enabled(): boolean {
    return this.state === DEVICE_STATE.ENABLED;
  }

  get halted(): boolean {
    return this.state === DEVICE_STATE.HALT;
  }

  /** A setting that must be constant while the device is not Disabled has changed (DSA spec 3.0 §5.7, §5.8.2). */
  *configChanged(): Steps<void> {
    const { registers, inFlight, errors, interrupts } = this.#parts;
    if (this.halted) return;
    registers.set(GENSTS, GENSTS.of({ state: DEVICE_STATE.HALT, resetType: RESET_TYPE.SOFTWARE }));
    inFlight.stop('reset');
    yield* errors.report({ error: SOFTWARE_ERROR.CONFIG_CHANGED });
    if (GENCTRL.haltInterruptEnable.get(registers.get(GENCTRL)) === 1) yield* interrupts.cause('haltState', () => this.halted);
  }
}
