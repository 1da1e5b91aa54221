// What config space says at the moment, as the rest of the device asks it. What every access and every interrupt asks is
// kept as flags beside the registers: whoever changes config space calls refresh().
import type { StatePort } from '@siov/base';
import { ATSCTL, PASIDCTL, PCICMD, PMCSR, MSGCTL, PRICTL, PRSREQALLOC, PRSREQCAP } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';

const MEMORY_SPACE = 1;
const BUS_MASTER = 2;
const MSIX_ENABLED = 4;
const FUNCTION_MASKED = 8;

export class PciFunction {
  readonly #registers: DeviceRegisters;
  /** The flags above. */
  readonly #now: { flags: number };

  constructor(state: StatePort, name: string, registers: DeviceRegisters) {
    this.#registers = registers;
    this.#now = state.record(`${name}/pci`, { flags: 0 });
    this.refresh();
  }

  /** After a change of config space. */
  refresh(): void {
    const { config } = this.#registers;
    const command = config.get(PCICMD);
    const control = config.get(MSGCTL);
    const powered = PMCSR.powerState.get(config.get(PMCSR)) === 0;
    this.#now.flags =
      (powered && PCICMD.memorySpaceEnable.get(command) === 1 ? MEMORY_SPACE : 0) |
      (powered && PCICMD.busMasterEnable.get(command) === 1 ? BUS_MASTER : 0) |
      (MSGCTL.enable.get(control) === 1 ? MSIX_ENABLED : 0) |
      (MSGCTL.functionMask.get(control) === 1 ? FUNCTION_MASKED : 0);
  }

  /** BARs answer: memory space enabled, and not in a power state below D0. */
  get memorySpace(): boolean {
    return this.#is(MEMORY_SPACE);
  }

  /** The function may write to memory, which includes sending messages. */
  get busMaster(): boolean {
    return this.#is(BUS_MASTER);
  }

  get msixEnabled(): boolean {
    return this.#is(MSIX_ENABLED);
  }

  get functionMasked(): boolean {
    return this.#is(FUNCTION_MASKED);
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

  #is(flag: number): boolean {
    return (this.#now.flags & flag) !== 0;
  }
}
