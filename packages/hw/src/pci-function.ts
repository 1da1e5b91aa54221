// What config space says at the moment, as the rest of the device asks it.
import { ATSCTL, PASIDCTL, PCICMD, PMCSR, MSGCTL, PRICTL, PRSREQALLOC, PRSREQCAP } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';

export class PciFunction {
  readonly #registers: DeviceRegisters;

  constructor(registers: DeviceRegisters) {
    this.#registers = registers;
  }

  /** BARs answer: memory space enabled, and not in a power state below D0. */
  get memorySpace(): boolean {
    return PCICMD.memorySpaceEnable.get(this.#registers.config.get(PCICMD)) === 1 && this.#powered;
  }

  /** The function may write to memory, which includes sending messages. */
  get busMaster(): boolean {
    return PCICMD.busMasterEnable.get(this.#registers.config.get(PCICMD)) === 1 && this.#powered;
  }

  get msixEnabled(): boolean {
    return MSGCTL.enable.get(this.#registers.config.get(MSGCTL)) === 1;
  }

  get functionMasked(): boolean {
    return MSGCTL.functionMask.get(this.#registers.config.get(MSGCTL)) === 1;
  }

  get pasidEnabled(): boolean {
    return PASIDCTL.enable.get(this.#registers.config.get(PASIDCTL)) === 1;
  }

  /** Requests may carry privileged mode. */
  get privilegedEnabled(): boolean {
    return this.pasidEnabled && PASIDCTL.privilegedEnable.get(this.#registers.config.get(PASIDCTL)) === 1;
  }

  get priEnabled(): boolean {
    return PRICTL.enable.get(this.#registers.config.get(PRICTL)) === 1;
  }

  /** Page requests software granted are some, and no more than the function can make. */
  get priAllocationValid(): boolean {
    const { config } = this.#registers;
    const allocation = PRSREQALLOC.allocation.get(config.get(PRSREQALLOC));
    return allocation > 0 && allocation <= PRSREQCAP.capacity.get(config.get(PRSREQCAP));
  }

  /** The settings that must not change while the device is not Disabled, as one word (DSA spec 3.0 §5.7). */
  get fixedWhileEnabled(): number {
    const { config } = this.#registers;
    const bits = [
      PCICMD.busMasterEnable.get(config.get(PCICMD)), ATSCTL.enable.get(config.get(ATSCTL)),
      PASIDCTL.enable.get(config.get(PASIDCTL)), PASIDCTL.privilegedEnable.get(config.get(PASIDCTL)), PRICTL.enable.get(config.get(PRICTL)),
    ];
    return bits.reduce((sum, bit, index) => sum | (bit << index), 0);
  }

  get #powered(): boolean {
    return PMCSR.powerState.get(this.#registers.config.get(PMCSR)) === 0;
  }
}
