// chip_bus_lock() and chip_bus_sync_unlock(): for chips that cannot be reached under the descriptor's lock.
import type { Steps } from '@siov/base';
import type { IrqDesc } from './desc.ts';

/** Runs `body` between the two; what the chip was told in it is effective in the hardware when this returns. */
export function* busLocked<T>({ state }: IrqDesc, body: Steps<T>): Steps<T> {
  const { data } = state;
  if (data === null) return yield* body;
  if (data.chip.irqBusLock !== undefined) yield* data.chip.irqBusLock(data);
  try {
    return yield* body;
  } finally {
    if (data.chip.irqBusSyncUnlock !== undefined) yield* data.chip.irqBusSyncUnlock(data);
  }
}
