// Vector 0: what the device has to say that belongs to no queue (idxd_misc_thread() in drivers/dma/idxd/irq.c; the order
// of the causes from memory of the kernel source, not looked up). The kernel looks at nothing else once the device is halted;
// here the other causes are still served, so that nobody waits for what has come.
import type { Steps } from '@siov/base';
import { DEVICE_STATE, GENSTS, INTCAUSE } from '@siov/datasheet';
import type { IrqReturn } from '@siov/irq';
import type { GuestFunction } from './function.ts';

/** What becomes of causes that concern more than the function's registers. */
export interface MiscActions {
  /** The device is halted; `resetType` is one of RESET_TYPE. */
  halted(resetType: number): Steps<void>;
  /** Interrupt handles were revoked. What has to be done waits for commands, so for this thread: others do it. */
  handlesRevoked(): Steps<void>;
  /** Bits nobody knows. */
  unexpected(bits: number): void;
}

const KNOWN = INTCAUSE.of({ softwareError: 1, commandCompletion: 1, occupancyLimit: 1, perfmonOverflow: 1, haltState: 1, eventLog: 1, handlesRevoked: 1 });

/**
 * Acknowledges every cause, then acts on it. Occupancy, performance monitor and event log are acknowledged and no more: the
 * driver uses none of them.
 */
export function* miscInterrupt(function_: GuestFunction, actions: MiscActions): Steps<IrqReturn> {
  const cause = yield* function_.read(INTCAUSE);
  if (cause === 0) return 'none';
  yield* function_.write(INTCAUSE, cause);
  const { haltState, handlesRevoked, softwareError, commandCompletion } = INTCAUSE.decode(cause);
  if (haltState === 1) {
    const status = yield* function_.read(GENSTS);
    if (GENSTS.state.get(status) === DEVICE_STATE.HALT) yield* actions.halted(GENSTS.resetType.get(status));
  }
  if (handlesRevoked === 1) yield* actions.handlesRevoked();
  if (softwareError === 1) yield* function_.takeSoftwareError();
  if (commandCompletion === 1) function_.commandCompleted();
  const unexpected = (cause & ~KNOWN) >>> 0;
  if (unexpected !== 0) actions.unexpected(unexpected);
  return 'handled';
}
