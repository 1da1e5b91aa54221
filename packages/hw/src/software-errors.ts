// SWERROR: errors that no completion record tells. The first one stays until software clears it, later ones are only
// counted as "more" (DSA spec 3.0 §9.2.15).
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, GENCTRL, SWERROR0, SWERROR1, SWERROR2 } from '@siov/datasheet';
import type { HandleInfo } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';

export interface SoftwareError {
  /** Of COMPLETION_STATUS or SOFTWARE_ERROR. */
  readonly error: number;
  readonly wq?: number;
  /** Of the descriptor, where there is one. */
  readonly descriptor?: { readonly operation: number; readonly pasid: number | null; readonly priv: boolean };
  /** Its place in the batch it is a member of. */
  readonly batchIndex?: number;
  /** The flags that were not valid. */
  readonly invalidFlags?: number;
  /** How the descriptor was to tell that it ended. */
  readonly handle?: typeof HandleInfo.reset;
  readonly fault?: { readonly address: bigint; readonly write: boolean };
}

export class SoftwareErrors {
  readonly #registers: DeviceRegisters;
  readonly #interrupts: InterruptDelivery;

  constructor(parts: { registers: DeviceRegisters; interrupts: InterruptDelivery }) {
    this.#registers = parts.registers;
    this.#interrupts = parts.interrupts;
  }

  /** `alive` is asked again after others could have run, before the interrupt. */
  *report(error: SoftwareError, alive?: () => boolean): Steps<void> {
    const held = this.#registers.get(SWERROR0);
    if (SWERROR0.valid.get(held) === 1) {
      this.#registers.set(SWERROR0, SWERROR0.overflow.set(held, 1));
      return;
    }
    // Overflow is software's to clear, also across a new error.
    this.#registers.set(SWERROR0, SWERROR0.overflow.set(firstWord(error), SWERROR0.overflow.get(held)));
    this.#registers.set(SWERROR1, SWERROR1.of({ batchIndex: error.batchIndex ?? 0, errorInfo: infoOf(error) ?? 0 }));
    this.#registers.set(SWERROR2, SWERROR2.of({ faultAddress: error.fault?.address ?? 0n }));
    if (GENCTRL.softwareErrorInterruptEnable.get(this.#registers.get(GENCTRL)) === 1) yield* this.#interrupts.cause('softwareError', alive);
  }
}

function infoOf({ error, invalidFlags, handle }: SoftwareError): number | undefined {
  return error === COMPLETION_STATUS.INTERRUPT_HANDLE ? handle : invalidFlags;
}

function firstWord(each: SoftwareError): typeof SWERROR0.reset {
  return SWERROR0.of({ valid: 1, ...whoAndWhat(each), errorInfoValid: infoOf(each) === undefined ? 0 : 1 });
}

/** The fields that SWERROR and entries of the event log have in common. */
export function whoAndWhat({ error, wq, descriptor, batchIndex, fault }: SoftwareError) {
  return {
    error,
    wqIndexValid: wq === undefined ? 0 : 1,
    wqIndex: wq ?? 0,
    descriptorValid: descriptor === undefined ? 0 : 1,
    operation: descriptor?.operation ?? 0,
    pasid: descriptor?.pasid ?? 0,
    priv: descriptor?.priv === true ? 1 : 0,
    batchMember: batchIndex === undefined ? 0 : 1,
    faultWrite: fault?.write === true ? 1 : 0,
  };
}
